//! The gateway's own usage exports: the CSV of a user's page, the Excel file of the admin's page. Both are written
//! here in the shapes in which the pages write them.

use super::*;
use serde_json::Value;
use stickysim::workload::replay::usage::{UsageRows, is_usage};
use stickysim::workload::replay::{Names, TraceRow};

const POOL: &str = "seed: 9\nduration: 90m\ngroup_id: 1\naccount_defaults: {concurrency: 20, prompt_cache: null, \
                    ttft: {lognormal: {p50: 1200ms, sigma: 0.5}}, decode: {time: {exponential: {mean: \
                    3s}}}}\naccounts: [{count: 3}]\nconditions:\n  - {name: slow, accounts: [2], when: {scheduled: \
                    {at: 40m, for: 20m}}, effect: {ttft_factor: 8}}\nworkload:\n  synth:\n    sessions_per_hour: \
                    120\n    turns: {constant: 12}\n    think_time: {exponential: {mean: 20s}}\n";

/// Answered requests, newest first: time, account, TTFT, duration, input, cached, output.
fn rows() -> Vec<(String, String, i64, i64, i64, i64, i64)> {
    let mut rows: Vec<Value> = exported(POOL).0.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    rows.sort_by_key(|row| -row["completed_ms"].as_i64().unwrap());
    rows.iter()
        .map(|row| {
            let at = jiff::Timestamp::from_millisecond(row["completed_ms"].as_i64().unwrap()).unwrap();
            let number = |key: &str| row[key].as_i64().unwrap_or(0);
            (
                at.to_string(),
                format!("plus-{}", number("account_id")),
                number("ttft_ms"),
                number("duration_ms"),
                number("input_tokens"),
                number("cache_read_tokens"),
                number("output_tokens"),
            )
        })
        .collect()
}

const ENGLISH: &str = "Time,User,API Key,Account,Model,Upstream Model,Reasoning Effort,Group,Type,Net Input Tokens,Output Tokens,\
     Cache Read Tokens,Cache Creation Tokens,Total Tokens,First Token,Duration,Request ID,User Agent";
const CHINESE: &str = "时间,用户,API 密钥,账号,模型,上游模型,推理强度,分组,类型,输入 Token,输出 Token,缓存读取 Token,缓存创建 Token,总 Token,\
     首 Token,耗时,请求ID,User-Agent";

/// The admin's table in either language, as cells.
fn admin(heading: &str) -> Vec<Vec<String>> {
    let mut table = vec![heading.split(',').map(str::to_owned).collect::<Vec<_>>()];
    for (number, (at, account, ttft, duration, input, cached, output)) in rows().into_iter().enumerate() {
        let total = input + cached + output;
        table.push(
            format!(
                "{at},a@example.com,key,{account},gpt-5,,high,group,Stream,{input},{output},{cached},0,{total},{ttft},{duration},\
                 r-{number},\"agent\""
            )
            .split(',')
            .map(str::to_owned)
            .collect(),
        );
    }
    table
}

fn csv_of(table: &[Vec<String>]) -> String {
    format!("\u{feff}{}", table.iter().map(|row| row.join(",")).collect::<Vec<_>>().join("\n"))
}

/// An Excel file with texts and numbers as SheetJS writes them.
fn xlsx_of(table: &[Vec<String>]) -> Vec<u8> {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let cell = |text: &String| match text.parse::<f64>() {
        Ok(number) => format!("<c><v>{number}</v></c>"),
        Err(_) => format!("<c t=\"inlineStr\"><is><t>{}</t></is></c>", escaped(text)),
    };
    let sheet_rows: String =
        table.iter().map(|row| format!("<row>{}</row>", row.iter().map(cell).collect::<String>())).collect();
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
    let files = [
        (
            "[Content_Types].xml",
            format!(
                "{head}<Types xmlns=\"{package}/content-types\"><Default Extension=\"rels\" \
                 ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" \
                 ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" \
                 ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels",
            format!(
                "{head}<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"rId1\" \
                 Type=\"{relations}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "{head}<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets><sheet name=\"Usage\" sheetId=\"1\" \
                 r:id=\"rId1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "{head}<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"rId1\" Type=\"{relations}/worksheet\" \
                 Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!("{head}<worksheet xmlns=\"{main}\"><sheetData>{sheet_rows}</sheetData></worksheet>"),
        ),
    ];
    zip_of(&files)
}

/// A zip archive whose files are stored as they are.
fn zip_of(files: &[(&str, String)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let mut sum = flate2::Crc::new();
        sum.update(text.as_bytes());
        let place = archive.len() as u32;
        let mut entry = Vec::new();
        for short in [20_u16, 0, 0, 0, 0x21] {
            entry.extend(short.to_le_bytes());
        }
        for long in [sum.sum(), text.len() as u32, text.len() as u32] {
            entry.extend(long.to_le_bytes());
        }
        entry.extend((name.len() as u16).to_le_bytes());
        entry.extend(0_u16.to_le_bytes());
        archive.extend(b"PK\x03\x04");
        archive.extend(&entry);
        archive.extend(name.as_bytes());
        archive.extend(text.as_bytes());
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&entry);
        directory.extend([0_u8; 10]);
        directory.extend(place.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let place = archive.len() as u32;
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([(files.len() as u16).to_le_bytes(), (files.len() as u16).to_le_bytes()].concat());
    archive.extend((directory.len() as u32).to_le_bytes());
    archive.extend(place.to_le_bytes());
    archive.extend(0_u16.to_le_bytes());
    archive
}

fn rows_of(path: &Path) -> Result<(Vec<TraceRow>, Vec<String>), String> {
    let bytes = std::fs::read(path).unwrap();
    assert!(is_usage(&bytes[..bytes.len().min(4_096)]), "{}", path.display());
    let (mut rows, mut names) = (UsageRows::read(path, bytes).map_err(|error| error.to_string())?, Names::default());
    let all = std::iter::from_fn(|| rows.next(&mut names)).collect();
    Ok((all, rows.notes()))
}

fn read(path: &Path) -> (Vec<TraceRow>, Vec<String>) {
    rows_of(path).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn exports_of_the_admins_page_are_read_and_calibrated_in_both_languages_as_excel_and_as_csv() {
    let folder = folder("usage");
    let (english, chinese) = (admin(ENGLISH), admin(CHINESE));
    let files = [
        ("english.xlsx", xlsx_of(&english)),
        ("chinese.xlsx", xlsx_of(&chinese)),
        ("english.csv", csv_of(&english).into_bytes()),
        ("chinese.csv", csv_of(&chinese).into_bytes()),
    ];
    let mut first: Option<Vec<TraceRow>> = None;
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        let (rows, notes) = read(&path);
        assert_eq!(rows.len(), english.len() - 1, "{name}");
        assert!(rows.is_sorted_by_key(|row| row.at), "{name}: oldest first");
        assert!(notes.iter().any(|note| note.contains("failures, refusals")), "{name}: {notes:?}");
        assert!(notes.iter().any(|note| note.contains("1 is `plus-")), "{name}: {notes:?}");
        assert_eq!(*first.get_or_insert_with(|| rows.clone()), rows, "{name}");
    }
    let log = folder.join("chinese.xlsx");
    let calibrated = run(&options(&log, &folder));
    assert_eq!(calibrated.input.ids.len(), 3);
    assert_eq!(calibrated.fit.slow.len(), 1, "{:?}", calibrated.fit.slow);
    for account in &calibrated.fit.accounts {
        let median = libm::exp(account.mu);
        assert!((median / 1.2 - 1.0).abs() < 0.1, "{median} s");
    }
    // what an export cannot know is no figure of zero
    for name in ["waited.share", "felt_ttft_ms.p50", "session_moves.share"] {
        let known = calibrated.back_test.figures.iter().any(|figure| figure.name == name && figure.recorded.is_some());
        assert!(!known, "{name} is not in a usage export");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_export_of_a_users_page_is_read_and_what_it_lacks_is_said() {
    let folder = folder("usage-user");
    let path = folder.join("usage.csv");
    let heading = "Time,API Key Name,Model,Reasoning Effort,Inbound Endpoint,IP Address,Type,Billing Mode,Input \
         Tokens,Output \
         Tokens,Cache Read Tokens,Cache Creation Tokens,Rate Multiplier,Billed Cost,Original Cost,First Token (ms),Duration (ms)";
    let rows: Vec<String> = rows()
        .into_iter()
        .map(|(at, _, ttft, duration, input, cached, output)| {
            format!("{at},\"key, mine\",gpt-5,-,/v1/responses,,Stream,Token,{input},{output},{cached},0,1,0.1,0.1,{ttft},{duration}")
        })
        .collect();
    std::fs::write(&path, format!("{heading}\n{}", rows.join("\n"))).unwrap();
    let (read_rows, notes) = read(&path);
    assert_eq!(read_rows.len(), rows.len());
    assert!(read_rows.iter().all(|row| row.recorded.as_ref().unwrap().account.is_none() && row.user.is_some()));
    assert!(notes.iter().any(|note| note.contains("does not say which account")), "{notes:?}");
    // times are those of the end
    let row = &read_rows[0];
    let took = row.ended.unwrap().saturating_sub(row.at);
    assert_eq!(Some(took), row.recorded.as_ref().unwrap().duration);
    std::fs::write(&path, format!("{heading}\nyesterday,k,m,-,,,,,1,1,0,0,1,0,0,5,6\n")).unwrap();
    let error = rows_of(&path).unwrap_err();
    assert!(error.contains("usage.csv:2: `yesterday` is no time"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn tables_of_others_are_no_usage_export() {
    for head in
        ["at_s,session,account,ttft_ms,duration_ms\n", "TIMESTAMP,ContextTokens,GeneratedTokens\n", "{\"a\":1}", ""]
    {
        assert!(!is_usage(head.as_bytes()), "{head}");
    }
}

#[test]
fn an_excel_file_that_is_none_or_has_other_columns_is_an_error() {
    let folder = folder("usage-other");
    let path = folder.join("usage.xlsx");
    let said = || rows_of(&path).unwrap_err();
    std::fs::write(&path, zip_of(&[("a.txt", "b".to_owned())])).unwrap();
    assert!(said().contains("cannot be read as an Excel file"), "{}", said());
    std::fs::write(&path, xlsx_of(&[vec!["a".to_owned(), "b".to_owned()]])).unwrap();
    assert!(said().contains("expected the headings of the gateway's usage page"), "{}", said());
    std::fs::remove_dir_all(folder).unwrap();
}
