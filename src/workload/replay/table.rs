//! CSV by column name: the header says which column holds what, never its place. One line is one record, so a bad line
//! spoils no other, and every complaint has its column.

use super::line::BadLine;

/// The header of a CSV file.
#[derive(Clone, Debug)]
pub(super) struct Header {
    names: Vec<String>,
}

/// One record, cut into fields.
pub(super) struct Record<'a> {
    header: &'a Header,
    fields: &'a Fields,
    text: &'a str,
}

/// Where the fields of a line are; used again from line to line.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    /// Where each field ends: the next one begins behind the comma.
    ends: Vec<u32>,
    /// The fields that stand in quotes, in order of their place.
    quoted: Vec<Quoted>,
    /// Their texts.
    unquoted: String,
}

#[derive(Clone, Copy, Debug)]
struct Quoted {
    place: usize,
    /// Where its text lies in `Fields::unquoted`.
    from: usize,
    to: usize,
}

impl Header {
    /// The names in a header line; letter case and blanks around do not matter.
    pub(super) fn of(line: &[u8]) -> Result<Self, BadLine> {
        let text = utf8(line)?;
        let mut fields = Fields::default();
        fields.cut(text).map_err(BadLine::fatal)?;
        let names = (0..fields.len()).map(|place| fields.text(text, place).trim().to_ascii_lowercase());
        Ok(Self { names: names.collect() })
    }

    /// The same of a header whose names must differ: of two columns of one name nobody knows which is meant.
    pub(super) fn of_different(line: &[u8]) -> Result<Self, BadLine> {
        let header = Self::of(line)?;
        for (place, name) in header.names.iter().enumerate() {
            let earlier = header.names[..place].iter().position(|other| other == name && !name.is_empty());
            if let Some(earlier) = earlier {
                let message = format!(
                    "the column `{name}` stands twice in the header, as field {} and field {}",
                    earlier + 1,
                    place + 1
                );
                return Err(BadLine::new(0, message).remedy("leave one of them out, or rename it").fatal());
            }
        }
        Ok(header)
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The place of a column.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let name = name.to_ascii_lowercase();
        self.names.iter().position(|known| *known == name)
    }

    /// The place of a column that must be there.
    pub(super) fn need(&self, name: &str) -> Result<usize, BadLine> {
        self.find(name).ok_or_else(|| {
            let has = self.names.join(", ");
            BadLine::new(0, format!("the header lacks the column `{name}`; it has: {has}"))
                .remedy("name the right format, or add the column")
                .fatal()
        })
    }

    /// Cuts a line into this header's fields.
    pub(super) fn record<'a>(&'a self, line: &'a [u8], fields: &'a mut Fields) -> Result<Record<'a>, BadLine> {
        let text = utf8(line)?;
        fields.cut(text)?;
        let (got, expected) = (fields.len(), self.names.len());
        if got != expected {
            let column = fields.place(expected).map_or(text.len(), |(from, _)| from) + 1;
            return Err(BadLine::new(
                column as u64,
                format!("expected {expected} fields as in the header, found {got}"),
            ));
        }
        Ok(Record { header: self, fields, text })
    }
}

impl Record<'_> {
    /// The text of a field, without blanks around.
    pub(super) fn text(&self, place: usize) -> &str {
        trimmed(self.fields.text(self.text, place))
    }

    /// The text of a field that may be missing or blank.
    #[inline]
    pub(super) fn optional(&self, place: Option<usize>) -> Option<&str> {
        let place = place?;
        // most columns of most traces are blank
        if self.fields.place(place).is_none_or(|(from, to)| from == to) {
            return None;
        }
        Some(self.text(place)).filter(|text| !text.is_empty())
    }

    /// What `parse` makes of a field.
    pub(super) fn parse<T>(
        &self,
        place: usize,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, BadLine> {
        parse(self.text(place)).ok_or_else(|| self.not_as_expected(place, expected))
    }

    #[cold]
    fn not_as_expected(&self, place: usize, expected: &str) -> BadLine {
        self.bad(place, &format!("expected {expected}, found {:?}", self.text(place)))
    }

    /// What `parse` makes of a field that may be missing or blank.
    #[inline]
    pub(super) fn parse_optional<T>(
        &self,
        place: Option<usize>,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, BadLine> {
        match (self.optional(place), place) {
            (Some(text), Some(place)) => parse(text).map(Some).ok_or_else(|| self.not_as_expected(place, expected)),
            _ => Ok(None),
        }
    }

    /// Complains about a field.
    pub(super) fn bad(&self, place: usize, message: &str) -> BadLine {
        let column = self.fields.place(place).map_or(0, |(from, _)| from as u64 + 1);
        let name = self.header.names.get(place).map_or("", String::as_str);
        BadLine::new(column, format!("column `{name}`: {message}"))
    }
}

impl Fields {
    const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Where a field begins and ends in its line, with its quotes if it has some.
    #[inline]
    fn place(&self, place: usize) -> Option<(usize, usize)> {
        let to = *self.ends.get(place)? as usize;
        let from = if place == 0 { 0 } else { self.ends[place - 1] as usize + 1 };
        Some((from, to))
    }

    /// The text of a field as it stands; blank when there is no such field.
    #[inline]
    fn text<'a>(&'a self, line: &'a str, place: usize) -> &'a str {
        if !self.quoted.is_empty()
            && let Ok(at) = self.quoted.binary_search_by_key(&place, |quoted| quoted.place)
        {
            return &self.unquoted[self.quoted[at].from..self.quoted[at].to];
        }
        self.place(place).and_then(|(from, to)| line.get(from..to)).unwrap_or("")
    }

    /// Cuts a line at its commas, quotes respected.
    fn cut(&mut self, line: &str) -> Result<(), BadLine> {
        self.ends.clear();
        self.quoted.clear();
        self.unquoted.clear();
        if memchr::memchr(b'"', line.as_bytes()).is_some() {
            return self.cut_with_quotes(line);
        }
        // fields are short: eight bytes at a time are faster than a search that is prepared for long ones
        let (words, rest) = line.as_bytes().as_chunks();
        let mut at = 0;
        for &word in words {
            let mut found = commas(word);
            while found != 0 {
                self.ends.push(at + found.trailing_zeros() / 8);
                found &= found - 1;
            }
            at += 8;
        }
        for &byte in rest {
            if byte == b',' {
                self.ends.push(at);
            }
            at += 1;
        }
        self.ends.push(at);
        Ok(())
    }

    #[cold]
    fn cut_with_quotes(&mut self, line: &str) -> Result<(), BadLine> {
        let bytes = line.as_bytes();
        let mut from = 0;
        loop {
            let to = if bytes.get(from) == Some(&b'"') {
                self.unquote(line, from)?
            } else {
                bytes[from..].iter().position(|&byte| byte == b',').map_or(line.len(), |length| from + length)
            };
            self.ends.push(to as u32);
            match bytes.get(to) {
                None => return Ok(()),
                Some(b',') => from = to + 1,
                Some(_) => return Err(BadLine::new(to as u64 + 1, "expected a comma after the closing quote")),
            }
        }
    }

    /// Takes the text of the quoted field that begins at `from`; where the line goes on behind its closing quote.
    fn unquote(&mut self, line: &str, from: usize) -> Result<usize, BadLine> {
        let bytes = line.as_bytes();
        let begun = self.unquoted.len();
        let mut at = from + 1;
        loop {
            let Some(length) = memchr::memchr(b'"', &bytes[at..]) else {
                return Err(BadLine::new(from as u64 + 1, "this quote is not closed in its line"));
            };
            self.unquoted.push_str(&line[at..at + length]);
            at += length + 1;
            if bytes.get(at) != Some(&b'"') {
                break;
            }
            self.unquoted.push('"');
            at += 1;
        }
        self.quoted.push(Quoted { place: self.ends.len(), from: begun, to: self.unquoted.len() });
        Ok(at)
    }
}

/// The highest bit of every byte that is a comma, the first byte lowest. Exact: no byte carries into another.
const fn commas(word: [u8; 8]) -> u64 {
    const LOW_BITS: u64 = u64::from_ne_bytes([0x7f; 8]);
    let others = u64::from_le_bytes(word) ^ u64::from_ne_bytes([b','; 8]);
    !(((others & LOW_BITS) + LOW_BITS) | others | LOW_BITS)
}

/// A count of tokens. Some writers make floats of whole numbers.
pub(super) fn count(text: &str) -> Option<u32> {
    match text.parse() {
        Ok(count) => Some(count),
        Err(_) => text
            .parse::<f64>()
            .ok()
            .filter(|n| *n >= 0.0 && *n <= 4_294_967_295.0 && libm::floor(*n) == *n)
            .map(|n| n as u32),
    }
}

pub(super) const COUNT: &str = "a whole number from 0 to 4294967295";

/// Without blanks around; most fields have none, which two bytes show.
#[inline]
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [] => text,
        [only] if only.is_ascii_graphic() => text,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

fn utf8(line: &[u8]) -> Result<&str, BadLine> {
    std::str::from_utf8(line)
        .map_err(|error| BadLine::new(error.valid_up_to() as u64 + 1, "expected UTF-8 text, found other bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Vec<String> {
        let mut fields = Fields::default();
        fields.cut(line).expect("well formed");
        (0..fields.len()).map(|place| fields.text(line, place).to_string()).collect()
    }

    #[test]
    fn lines_are_cut_at_commas_outside_quotes() {
        assert_eq!(fields("a,b,,c"), ["a", "b", "", "c"]);
        assert_eq!(fields(""), [""]);
        assert_eq!(fields("a,"), ["a", ""]);
        assert_eq!(fields("\"a,b\",\"say \"\"hi\"\"\",é"), ["a,b", "say \"hi\"", "é"]);
    }

    proptest::proptest! {
        #[test]
        fn a_line_is_cut_alike_whether_it_has_quotes_or_none(line in "[a,+\\-é ]{0,40}") {
            let mut fields = Fields::default();
            fields.cut_with_quotes(&line).expect("no quote is left open");
            let slowly: Vec<&str> = (0..fields.len()).map(|place| fields.text(&line, place)).collect();
            proptest::prop_assert_eq!(&slowly, &line.split(',').collect::<Vec<_>>());
            proptest::prop_assert_eq!(super::tests::fields(&line), slowly);
        }
    }

    #[test]
    fn complaints_have_their_column() {
        let header = Header::of(b"One,two ,THREE").expect("well formed");
        assert_eq!(header.find("three"), Some(2));
        assert_eq!(header.need("four").expect_err("missing").column, 0);
        let mut room = Fields::default();
        let record = header.record(b"1,x,3", &mut room).expect("three fields");
        let bad = record.parse(1, COUNT, count).expect_err("x is no count");
        assert_eq!(
            (bad.column, bad.message.as_str()),
            (3, "column `two`: expected a whole number from 0 to 4294967295, found \"x\"")
        );
        let twice = Header::of_different(b"a,Session,b, session").expect_err("twice").message;
        assert_eq!(twice, "the column `session` stands twice in the header, as field 2 and field 4");
        assert!(Header::of_different(b"a,,b,").is_ok(), "columns without a name are no two columns of one name");
        for (line, column) in [("1,2", 4), ("1,2,3,4", 7), ("1,\"2,3", 3), ("\"1\"2,3", 4)] {
            let mut room = Fields::default();
            assert_eq!(header.record(line.as_bytes(), &mut room).err().map(|bad| bad.column), Some(column), "{line}");
        }
        let mut room = Fields::default();
        assert_eq!(header.record(b"1,\xff,3", &mut room).err().map(|bad| bad.column), Some(3));
    }

    #[test]
    fn counts_may_be_written_as_floats() {
        assert_eq!(count("12"), Some(12));
        assert_eq!(count("12.0"), Some(12));
        for text in ["12.5", "-1", "", "x", "1e12", "NaN"] {
            assert_eq!(count(text), None, "{text}");
        }
    }
}
