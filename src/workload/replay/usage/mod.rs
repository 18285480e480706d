//! The gateway's own usage export: the CSV of a user's page and the Excel file of the admin's page. A row a request
//! that was answered, newest first, with headings in the language of the page.
//!
//! What is not in it: failures and refusals, when a request arrived (its time is that of its end, and its duration
//! counts from the forward), sessions; in the user's CSV, the account.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

mod xlsx;

use super::looks::{GUIDE, shown};
use super::names::Names;
use super::row::TraceRow;
use crate::units::{Span, count};
use crate::workload::{Error, Recorded, RecordedAttempt};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Time,
    User,
    Key,
    Account,
    Model,
    Effort,
    GrossInput,
    Input,
    Output,
    CacheRead,
    CacheCreation,
    FirstToken,
    Duration,
    RequestId,
    Agent,
}

/// Headings without blanks, case, and what stands in brackets.
const HEADINGS: [(Column, &[&str]); 15] = [
    (Column::Time, &["time", "createdat", "date", "时间", "创建时间", "请求时间", "调用时间"]),
    (Column::User, &["user", "email", "用户", "邮箱", "用户邮箱"]),
    (Column::Key, &["apikey", "apikeyname", "key", "api密钥", "api密钥名称", "apikey名称", "密钥", "密钥名称"]),
    (
        Column::Account,
        &["account", "accountname", "accountid", "账户", "账号", "账户名称", "账号名称", "上游账号", "渠道账号"],
    ),
    (Column::Model, &["model", "requestedmodel", "模型", "请求模型"]),
    (Column::Effort, &["reasoningeffort", "effort", "推理强度", "推理努力", "推理努力程度", "思考强度"]),
    (
        Column::GrossInput,
        &["grossinputtokens", "totalinputtokens", "总输入token", "总输入tokens", "毛输入token", "输入token含缓存"],
    ),
    (
        Column::Input,
        &[
            "inputtokens",
            "netinputtokens",
            "输入token",
            "输入tokens",
            "输入令牌",
            "净输入token",
            "净输入tokens",
            "非缓存输入token",
        ],
    ),
    (Column::Output, &["outputtokens", "输出token", "输出tokens", "输出令牌"]),
    (
        Column::CacheRead,
        &[
            "cachereadtokens",
            "缓存读取token",
            "缓存读取tokens",
            "缓存读取令牌",
            "缓存读token",
            "缓存读取",
            "缓存命中token",
        ],
    ),
    (
        Column::CacheCreation,
        &[
            "cachecreationtokens",
            "cachewritetokens",
            "缓存创建token",
            "缓存创建tokens",
            "缓存写入token",
            "缓存写入tokens",
            "缓存创建令牌",
            "缓存创建",
            "缓存写入",
        ],
    ),
    (
        Column::FirstToken,
        &[
            "firsttoken",
            "firsttokenms",
            "ttft",
            "ttftms",
            "firsttokenlatency",
            "首token",
            "首字",
            "首字延迟",
            "首token延迟",
            "首字时间",
            "首token时间",
            "首token耗时",
            "首字耗时",
            "首个token",
        ],
    ),
    (
        Column::Duration,
        &["duration", "durationms", "latency", "耗时", "时长", "持续时间", "总耗时", "用时", "请求耗时"],
    ),
    (Column::RequestId, &["requestid", "请求id", "请求编号"]),
    (Column::Agent, &["useragent", "ua", "用户代理", "客户端"]),
];

/// A heading without what does not matter in it: blanks, case, brackets and what they hold.
fn plain(heading: &str) -> String {
    let mut depth = 0_i32;
    let mut plain = String::new();
    for c in heading.trim_start_matches('\u{feff}').chars() {
        match c {
            '(' | '（' | '[' => depth += 1,
            ')' | '）' | ']' => depth -= 1,
            _ if depth > 0 || c.is_whitespace() || matches!(c, '_' | '-' | '"' | '\'' | '/' | '.') => {}
            c => plain.extend(c.to_lowercase()),
        }
    }
    plain
}

/// The places of columns in a header.
#[derive(Clone, Debug, Default)]
struct Columns(BTreeMap<Column, usize>);

impl Columns {
    fn of<'a>(headings: impl IntoIterator<Item = &'a str>) -> Self {
        let mut places = BTreeMap::new();
        for (place, heading) in headings.into_iter().enumerate() {
            let heading = plain(heading);
            if let Some((column, _)) = HEADINGS.iter().find(|(_, names)| names.contains(&heading.as_str())) {
                places.entry(*column).or_insert(place);
            }
        }
        Self(places)
    }

    fn has(&self, column: Column) -> bool {
        self.0.contains_key(&column)
    }

    /// Whether these are the columns of a usage export and no other table's.
    fn is_usage(&self) -> bool {
        [Column::Time, Column::Model, Column::FirstToken, Column::Duration].iter().all(|&column| self.has(column))
    }

    fn text<'a>(&self, row: &'a [String], column: Column) -> Option<&'a str> {
        self.0.get(&column).and_then(|&place| row.get(place)).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    fn number(&self, row: &[String], column: Column) -> Result<Option<f64>, String> {
        let Some(text) = self.text(row, column).filter(|text| !matches!(*text, "-" | "null" | "None")) else {
            return Ok(None);
        };
        let number = text.trim_end_matches("ms").trim().replace(',', "");
        match number.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(Some(number)),
            _ => Err(format!("`{text}` is no number of 0 or more ({column:?})")),
        }
    }
}

/// Whether a file, by its first bytes, is an export: an Excel file, or CSV with the headings of one.
pub fn is_usage(head: &[u8]) -> bool {
    evidence(head).is_some()
}

/// By what an export is told, in words.
pub(super) fn evidence(head: &[u8]) -> Option<&'static str> {
    if xlsx::is_xlsx(head) {
        return Some("its form: an Excel file");
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let line = text.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line);
    let mut header = csv::StringRecord::new();
    let is_headed = std::str::from_utf8(line).is_ok()
        && reader.read_record(&mut header).is_ok_and(|found| found)
        && Columns::of(header.iter()).is_usage();
    is_headed.then_some("the headings of the gateway's usage page")
}

/// The rows of an export in order of time.
#[derive(Debug, Default)]
pub struct UsageRows {
    rows: VecDeque<Request>,
    notes: Vec<String>,
    /// Unix time of second 0 in ms.
    pub epoch_ms: Option<i64>,
}

/// A request of the export.
#[derive(Debug)]
struct Request {
    arrival_ms: i64,
    end_ms: i64,
    model: String,
    who: Option<String>,
    account: Option<String>,
    row: TraceRow,
}

impl UsageRows {
    /// Reads an export of these bytes, all of it: it comes newest first.
    ///
    /// # Errors
    /// When it is no export, or a row has no time.
    pub fn read(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let table = if xlsx::is_xlsx(&bytes) { xlsx::rows(path, bytes)? } else { csv_rows(path, &bytes)? };
        let mut lines = table.into_iter().zip(1_u64..);
        let header = lines.by_ref().find(|(row, _)| row.iter().any(|cell| !cell.trim().is_empty()));
        let headings: Vec<&str> = header
            .iter()
            .flat_map(|(row, _)| row.iter().map(|name| name.trim()))
            .filter(|name| !name.is_empty())
            .collect();
        let twice = headings.iter().enumerate().find(|(place, name)| headings[..*place].contains(name));
        if let Some((_, name)) = twice {
            let message = format!("the column `{}` stands twice in the header", shown(name, 40));
            return Err(Error::in_file(path, message, "leave one of them out, or rename it"));
        }
        let columns = Columns::of(header.iter().flat_map(|(row, _)| row.iter().map(String::as_str)));
        if !columns.is_usage() {
            let found: Vec<String> =
                header.iter().flat_map(|(row, _)| row.iter().take(12)).map(|name| shown(name, 40)).collect();
            let message = format!(
                "expected the headings of the gateway's usage page (time, model, first token, duration), found: {}",
                found.join(", ")
            );
            let remedy = "export it from that page, or save a table of another kind as CSV and see";
            return Err(Error::in_file(path, message, format!("{remedy} {GUIDE}")));
        }
        let mut reading = Reading { columns, ..Reading::default() };
        for (row, line) in lines.filter(|(row, _)| row.iter().any(|cell| !cell.trim().is_empty())) {
            let request = reading.request(&row).map_err(|message| {
                Error::new(message, "export it again from the usage page, and do not change its times")
                    .at(path, line, 0)
            })?;
            reading.requests.extend(request);
        }
        Ok(reading.finish())
    }

    /// The next row; `names` numbers its model and user.
    pub fn next(&mut self, names: &mut Names) -> Option<TraceRow> {
        let Request { model, who, mut row, .. } = self.rows.pop_front()?;
        row.model = names.model(&model);
        row.user = who.map(|who| names.user(&who));
        Some(row)
    }

    /// What an export does not hold, and what was assumed.
    pub fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

fn csv_rows(path: &Path, bytes: &[u8]) -> Result<Vec<Vec<String>>, Error> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    reader
        .records()
        .zip(1_u64..)
        .map(|(record, line)| {
            let record = record.map_err(|error| Error::new(error.to_string(), "export it again").at(path, line, 0))?;
            Ok(record.iter().map(str::to_owned).collect())
        })
        .collect()
}

#[derive(Default)]
struct Reading {
    columns: Columns,
    requests: Vec<Request>,
    ids: BTreeSet<String>,
    twice: u64,
    without_duration: u64,
    without_zone: u64,
}

impl Reading {
    fn request(&mut self, row: &[String]) -> Result<Option<Request>, String> {
        let columns = &self.columns;
        if let Some(id) = columns.text(row, Column::RequestId)
            && !self.ids.insert(id.to_owned())
        {
            self.twice += 1;
            return Ok(None);
        }
        let time = columns.text(row, Column::Time).ok_or("it has no time")?;
        let (end_ms, has_zone) =
            moment(time).ok_or_else(|| format!("`{time}` is no time: expected one such as 2026-08-29T10:40:02Z"))?;
        self.without_zone += u64::from(!has_zone);
        let millis = |column| columns.number(row, column);
        let tokens =
            |column| columns.number(row, column).map(|number| number.map(|n| n.min(f64::from(u32::MAX)) as u32));
        let (ttft, duration) = (millis(Column::FirstToken)?, millis(Column::Duration)?);
        let (read, created) = (tokens(Column::CacheRead)?, tokens(Column::CacheCreation)?);
        let net = tokens(Column::Input)?;
        let sum = net.unwrap_or(0).saturating_add(read.unwrap_or(0)).saturating_add(created.unwrap_or(0));
        let input = match tokens(Column::GrossInput)? {
            Some(gross) if gross >= sum => gross,
            _ => sum,
        };
        let account = columns.text(row, Column::Account).map(str::to_owned);
        self.without_duration += u64::from(duration.is_none());
        let span = |ms: Option<f64>| ms.map(|ms| Span::from_secs_f64(ms / 1e3));
        let arrival_ms = end_ms - duration.unwrap_or(0.0) as i64;
        let model = columns.text(row, Column::Model).unwrap_or("");
        let model = match columns.text(row, Column::Effort).filter(|effort| *effort != "-") {
            Some(effort) => format!("{model}/{}", effort.to_lowercase()),
            None => model.to_owned(),
        };
        let who: Vec<&str> =
            [Column::User, Column::Key].iter().filter_map(|&column| columns.text(row, column)).collect();
        let end = span(duration).unwrap_or(Span::ZERO);
        let attempt = RecordedAttempt::Ok { ttft: span(ttft).unwrap_or(end).min(end), end };
        let recorded = Recorded {
            account: None,
            first_token: span(ttft),
            duration: span(duration),
            status: Some(200),
            cached_tokens: read,
            attempts: if duration.is_some() { vec![attempt] } else { Vec::new() },
        };
        let row = TraceRow {
            input_tokens: input,
            output_tokens: tokens(Column::Output)?.unwrap_or(0),
            recorded: Some(Box::new(recorded)),
            ..TraceRow::default()
        };
        let who = (!who.is_empty()).then(|| who.join("/"));
        Ok(Some(Request { arrival_ms, end_ms, model, who, account, row }))
    }

    fn finish(mut self) -> UsageRows {
        self.requests.sort_by_key(|request| (request.arrival_ms, request.end_ms));
        let epoch_ms = self.requests.first().map(|request| request.arrival_ms);
        let since = |ms: i64| Span::from_millis(u64::try_from(ms - epoch_ms.unwrap_or(0)).unwrap_or(0));
        let mut notes = vec![
            "a usage export holds answered requests only: failures, refusals and what was tried before are missing".to_owned(),
            "it has no sessions either: `stickysim calibrate` tells them by who asked for which model, and in a replay \
             `workload.replay.sessions: {assume: ...}` deals requests to assumed ones"
                .to_owned(),
            "its times are those of the end: a request is taken to arrive when it was forwarded, and what it waited before is not \
             known"
                .to_owned(),
        ];
        if !self.columns.has(Column::Account) {
            notes.push(
                "it does not say which account served a request (the export of the admin's page does)".to_owned(),
            );
        }
        let accounts = numbered(self.requests.iter().filter_map(|request| request.account.clone()));
        let named: Vec<String> = accounts
            .iter()
            .filter(|(name, id)| **name != id.to_string())
            .map(|(name, id)| format!("{id} is `{name}`"))
            .collect();
        if !named.is_empty() {
            notes.push(format!("accounts have names and no ids; they are numbered: {}", named.join(", ")));
        }
        for (rows, what) in [
            (self.twice, "with the request id of an earlier one: left out"),
            (self.without_duration, "without a duration: taken to arrive when they end"),
            (self.without_zone, "with times without a zone: UTC is assumed"),
        ] {
            if rows > 0 {
                notes.push(format!("{} {what}", count(rows, "row")));
            }
        }
        for request in &mut self.requests {
            request.row.at = since(request.arrival_ms);
            request.row.ended = Some(since(request.end_ms));
            if let (Some(name), Some(recorded)) = (&request.account, &mut request.row.recorded) {
                recorded.account = accounts.get(name).copied();
            }
        }
        UsageRows { rows: self.requests.into(), notes, epoch_ms }
    }
}

/// Ids of accounts: their names if all of these are ids, otherwise numbers in the order of the names.
fn numbered(names: impl Iterator<Item = String>) -> BTreeMap<String, i64> {
    let names: BTreeSet<String> = names.collect();
    let ids: Option<Vec<i64>> = names.iter().map(|name| name.parse().ok().filter(|&id| id > 0)).collect();
    let ids = ids.unwrap_or_else(|| (1..=names.len() as i64).collect());
    names.into_iter().zip(ids).collect()
}

/// A date in ms since 1970, and whether its zone was said.
fn moment(text: &str) -> Option<(i64, bool)> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some((at.as_millisecond(), true));
    }
    let text = text.replace('/', "-").replacen(' ', "T", 1);
    let zoned = text.rfind(['+', '-']).filter(|&at| at > 10 && text.len() - at == 5);
    let text = match zoned {
        Some(at) => format!("{}:{}", text.get(..at + 3)?, text.get(at + 3..)?),
        None => text,
    };
    let at = text.parse::<jiff::Timestamp>().map(|at| (at.as_millisecond(), true));
    at.ok().or_else(|| format!("{text}Z").parse::<jiff::Timestamp>().ok().map(|at| (at.as_millisecond(), false)))
}
