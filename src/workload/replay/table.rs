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
    fields: &'a [Field],
    text: &'a str,
}

/// A field's place in its line.
#[derive(Clone, Debug)]
pub(super) struct Field {
    from: usize,
    to: usize,
    /// Its text where that is not a piece of the line (quotes in quotes).
    unquoted: Option<String>,
}

impl Header {
    /// The names in a header line; letter case and blanks around do not matter.
    pub(super) fn of(line: &[u8]) -> Result<Self, BadLine> {
        let text = utf8(line)?;
        let mut fields = Vec::new();
        cut(text, &mut fields).map_err(BadLine::fatal)?;
        Ok(Self { names: fields.iter().map(|field| field.text(text).trim().to_ascii_lowercase()).collect() })
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

    /// Cuts a line into this header's fields; `room` is used again from line to line.
    pub(super) fn record<'a>(&'a self, line: &'a [u8], room: &'a mut Vec<Field>) -> Result<Record<'a>, BadLine> {
        let text = utf8(line)?;
        room.clear();
        cut(text, room)?;
        if room.len() != self.names.len() {
            let (got, expected) = (room.len(), self.names.len());
            let column = room.get(expected).map_or(text.len() + 1, |field| field.from + 1);
            return Err(BadLine::new(
                column as u64,
                format!("expected {expected} fields as in the header, found {got}"),
            ));
        }
        Ok(Record { header: self, fields: room, text })
    }
}

impl Record<'_> {
    /// The text of a field, without blanks around.
    pub(super) fn text(&self, place: usize) -> &str {
        self.fields.get(place).map_or("", |field| trimmed(field.text(self.text)))
    }

    /// The text of a field that may be missing or blank.
    pub(super) fn optional(&self, place: Option<usize>) -> Option<&str> {
        place.map(|place| self.text(place)).filter(|text| !text.is_empty())
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
    pub(super) fn parse_optional<T>(
        &self,
        place: Option<usize>,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, BadLine> {
        let Some((place, text)) = place.map(|place| (place, self.text(place))).filter(|(_, text)| !text.is_empty())
        else {
            return Ok(None);
        };
        let parsed = parse(text).ok_or_else(|| self.not_as_expected(place, expected))?;
        Ok(Some(parsed))
    }

    /// Complains about a field.
    pub(super) fn bad(&self, place: usize, message: &str) -> BadLine {
        let column = self.fields.get(place).map_or(0, |field| field.from as u64 + 1);
        let name = self.header.names.get(place).map_or("", String::as_str);
        BadLine::new(column, format!("column `{name}`: {message}"))
    }
}

impl Field {
    fn text<'a>(&'a self, line: &'a str) -> &'a str {
        match &self.unquoted {
            Some(text) => text,
            None => line.get(self.from..self.to).unwrap_or(""),
        }
    }
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

/// Cuts a line at its commas, quotes respected.
fn cut(line: &str, fields: &mut Vec<Field>) -> Result<(), BadLine> {
    let bytes = line.as_bytes();
    let mut from = 0;
    loop {
        if bytes.get(from) == Some(&b'"') {
            let mut text = String::new();
            let mut at = from + 1;
            loop {
                let Some(length) = line[at..].find('"') else {
                    return Err(BadLine::new(from as u64 + 1, "this quote is not closed in its line"));
                };
                text.push_str(&line[at..at + length]);
                at += length + 1;
                if bytes.get(at) != Some(&b'"') {
                    break;
                }
                text.push('"');
                at += 1;
            }
            fields.push(Field { from, to: at, unquoted: Some(text) });
            match bytes.get(at) {
                None => return Ok(()),
                Some(b',') => from = at + 1,
                Some(_) => return Err(BadLine::new(at as u64 + 1, "expected a comma after the closing quote")),
            }
        } else {
            // fields are short: a plain loop finds their ends faster than a search that is prepared for long ones
            let to = bytes[from..].iter().position(|&byte| byte == b',').map_or(line.len(), |length| from + length);
            fields.push(Field { from, to, unquoted: None });
            if to == line.len() {
                return Ok(());
            }
            from = to + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Vec<String> {
        let mut cuts = Vec::new();
        cut(line, &mut cuts).expect("well formed");
        cuts.iter().map(|field| field.text(line).to_string()).collect()
    }

    #[test]
    fn lines_are_cut_at_commas_outside_quotes() {
        assert_eq!(fields("a,b,,c"), ["a", "b", "", "c"]);
        assert_eq!(fields(""), [""]);
        assert_eq!(fields("a,"), ["a", ""]);
        assert_eq!(fields("\"a,b\",\"say \"\"hi\"\"\",é"), ["a,b", "say \"hi\"", "é"]);
    }

    #[test]
    fn complaints_have_their_column() {
        let header = Header::of(b"One,two ,THREE").expect("well formed");
        assert_eq!(header.find("three"), Some(2));
        assert_eq!(header.need("four").expect_err("missing").column, 0);
        let mut room = Vec::new();
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
            let mut room = Vec::new();
            assert_eq!(header.record(line.as_bytes(), &mut room).err().map(|bad| bad.column), Some(column), "{line}");
        }
        let mut room = Vec::new();
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
