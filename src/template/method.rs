//! The names of the methods that templates call, resolved when a template is parsed.

macro_rules! methods {
    ($($variant:ident = $name:literal,)*) => {
        /// A method that some value has. Which values, and what it does there: `run/methods`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Method { $($variant,)* }

        impl Method {
            pub(super) fn named(name: &str) -> Option<Self> {
                Some(match name { $($name => Self::$variant,)* _ => return None })
            }
        }
    };
}

impl Method {
    /// Whether a call may be made twice without anybody noticing.
    pub(super) fn changes_nothing(self) -> bool {
        !matches!(
            self,
            Self::Add
                | Self::AddAll
                | Self::Clear
                | Self::Next
                | Self::Put
                | Self::PutAll
                | Self::PutIfAbsent
                | Self::Remove
                | Self::RemoveAll
                | Self::RetainAll
                | Self::Set
                | Self::SetValue
        )
    }
}

methods! {
    Abs = "abs",
    Add = "add",
    AddAll = "addAll",
    Base64Decode = "base64Decode",
    Base64Encode = "base64Encode",
    BooleanValue = "booleanValue",
    CharAt = "charAt",
    Clear = "clear",
    CodePointAt = "codePointAt",
    CompareTo = "compareTo",
    CompareToIgnoreCase = "compareToIgnoreCase",
    Concat = "concat",
    Contains = "contains",
    ContainsAll = "containsAll",
    ContainsKey = "containsKey",
    ContainsValue = "containsValue",
    DoubleValue = "doubleValue",
    EndsWith = "endsWith",
    EntrySet = "entrySet",
    Equals = "equals",
    EqualsIgnoreCase = "equalsIgnoreCase",
    EscapeJavaScript = "escapeJavaScript",
    FloatValue = "floatValue",
    Format = "format",
    Get = "get",
    GetBytes = "getBytes",
    GetClass = "getClass",
    GetCount = "getCount",
    GetIndex = "getIndex",
    GetKey = "getKey",
    GetName = "getName",
    GetOrDefault = "getOrDefault",
    GetSimpleName = "getSimpleName",
    GetValue = "getValue",
    HasNext = "hasNext",
    HashCode = "hashCode",
    IndexOf = "indexOf",
    IntValue = "intValue",
    IsBlank = "isBlank",
    IsEmpty = "isEmpty",
    IsFirst = "isFirst",
    IsLast = "isLast",
    Iterator = "iterator",
    Join = "join",
    Json = "json",
    KeySet = "keySet",
    LastIndexOf = "lastIndexOf",
    Length = "length",
    LongValue = "longValue",
    Matches = "matches",
    Next = "next",
    Params = "params",
    ParseBoolean = "parseBoolean",
    ParseDouble = "parseDouble",
    ParseFloat = "parseFloat",
    ParseInt = "parseInt",
    ParseJson = "parseJson",
    ParseLong = "parseLong",
    Path = "path",
    Put = "put",
    PutAll = "putAll",
    PutIfAbsent = "putIfAbsent",
    Remove = "remove",
    RemoveAll = "removeAll",
    Repeat = "repeat",
    Replace = "replace",
    ReplaceAll = "replaceAll",
    ReplaceFirst = "replaceFirst",
    RetainAll = "retainAll",
    Set = "set",
    SetValue = "setValue",
    Size = "size",
    Split = "split",
    StartsWith = "startsWith",
    Strip = "strip",
    SubList = "subList",
    SubSequence = "subSequence",
    Substring = "substring",
    ToCharArray = "toCharArray",
    ToHexString = "toHexString",
    ToBinaryString = "toBinaryString",
    ToLowerCase = "toLowerCase",
    ToString = "toString",
    ToUpperCase = "toUpperCase",
    Trim = "trim",
    UrlDecode = "urlDecode",
    UrlEncode = "urlEncode",
    ValueOf = "valueOf",
    Values = "values",
}
