//! How a JSON body names its channels, once more and as naively as it can be said: the whole body is read into a tree that forgets
//! nothing (RFC 8259), and only then walked. Shared with the fuzz target `json_channel`.

use keygate::gate::denial::Denial;

/// One value, with every field of an object in its order. A text or a name is `None` where it escapes half of a surrogate pair.
pub(crate) enum Tree {
    Text(Option<String>),
    List(Vec<Self>),
    Object(Vec<(Option<String>, Self)>),
    Number(f64),
    Word,
}

/// Nobody is asked about a deeper body: the gate goes into 127 values on the way, and through any number beside it.
pub(crate) const MAX_DEPTH: usize = 100;

impl Tree {
    /// The only value in `text`; `None` where it is no JSON, or too deep.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut reader = Reader { rest: text };
        let tree = reader.value(0)?;
        reader.skip_blanks();
        reader.rest.is_empty().then_some(tree)
    }

    /// Shows the channels at the end of `way` to `each`, in their order.
    pub(crate) fn name(&self, way: &[String], each: &mut dyn FnMut(&str) -> Result<(), Denial>) -> Result<(), Denial> {
        match (self, way.split_first()) {
            (Self::Number(number), _) if number.is_infinite() => Err(Denial::BodyUnreadable),
            (Self::Text(None), _) => Err(Denial::BodyUnreadable),
            (Self::Text(Some(text)), None) if bare(text) == text => each(text),
            (Self::List(items), _) if items.is_empty() => Err(Denial::ChannelMissing),
            (Self::List(items), _) => items.iter().try_for_each(|item| item.name(way, each)),
            (Self::Object(fields), Some((wanted, further))) => {
                let mut found = false;
                for (name, value) in fields {
                    let name = name.as_ref().ok_or(Denial::BodyUnreadable)?;
                    match (found, name == wanted, taken_for(name, wanted)) {
                        (_, false, false) => {}
                        (true, ..) | (_, false, true) => return Err(Denial::ChannelAmbiguous),
                        (false, true, _) => value.name(further, each)?,
                    }
                    found |= name == wanted;
                }
                if found { Ok(()) } else { Err(Denial::ChannelMissing) }
            }
            (Self::Text(_) | Self::Object(_) | Self::Number(_) | Self::Word, None) => Err(Denial::ChannelInvalid),
            (Self::Text(_) | Self::Number(_) | Self::Word, Some(_)) => Err(Denial::ChannelMissing),
        }
    }
}

/// Whether a reader that trims a text, ends it at NUL, and knows no case, takes one name for another.
fn taken_for(name: &str, wanted: &str) -> bool {
    let ended = |text: &str| text.find('\0').unwrap_or(text.len());
    let loose = |text: &str| bare(&bare(text)[..ended(bare(text))]).to_uppercase().to_lowercase();
    loose(name) == loose(wanted)
}

fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || "\u{200b}\u{200e}\u{feff}".contains(c))
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Tree> {
        self.skip_blanks();
        match self.rest.chars().next()? {
            _ if depth == MAX_DEPTH => None,
            '[' => self.items(']', |reader| reader.value(depth + 1)).map(Tree::List),
            '{' => self.items('}', |reader| reader.field(depth + 1)).map(Tree::Object),
            '"' => self.text().map(Tree::Text),
            '-' | '0'..='9' => self.number().map(Tree::Number),
            _ => ["null", "true", "false"].into_iter().any(|word| self.take(word)).then_some(Tree::Word),
        }
    }

    fn field(&mut self, depth: usize) -> Option<(Option<String>, Tree)> {
        self.skip_blanks();
        let name = self.text()?;
        self.skip_blanks();
        self.take(":").then(|| self.value(depth)).flatten().map(|value| (name, value))
    }

    /// What stands between the next character and `end`, between commas.
    fn items<T>(&mut self, end: char, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.rest = &self.rest[1..];
        let (mut items, end) = (Vec::new(), end.to_string());
        self.skip_blanks();
        if self.take(&end) {
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            self.skip_blanks();
            if self.take(&end) {
                return Some(items);
            }
            self.take(",").then_some(())?;
        }
    }

    fn text(&mut self) -> Option<Option<String>> {
        self.take("\"").then_some(())?;
        let mut units = Vec::new();
        loop {
            let c = self.rest.chars().next()?;
            self.rest = &self.rest[c.len_utf8()..];
            match c {
                '"' => return Some(String::from_utf16(&units).ok()),
                '\\' => units.push(self.escaped()?),
                '\0'..='\x1f' => return None,
                _ => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
            }
        }
    }

    fn escaped(&mut self) -> Option<u16> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == 'u' {
            let digits = self.rest.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
            self.rest = &self.rest[4..];
            return u16::from_str_radix(digits, 16).ok();
        }
        let at = "\"\\/bfnrt".find(c)?;
        Some(u16::from(b"\"\\/\x08\x0c\n\r\t"[at]))
    }

    fn number(&mut self) -> Option<f64> {
        let whole = self.rest;
        self.take("-");
        if !self.take("0") {
            self.digits()?;
        }
        if self.take(".") {
            self.digits()?;
        }
        if self.take("e") || self.take("E") {
            let _ = self.take("+") || self.take("-");
            self.digits()?;
        }
        whole[..whole.len() - self.rest.len()].parse().ok()
    }

    fn digits(&mut self) -> Option<()> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        (rest.len() < std::mem::replace(&mut self.rest, rest).len()).then_some(())
    }

    fn take(&mut self, word: &str) -> bool {
        let rest = self.rest.strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}
