//! `ringgate explain`: what happens to a request, phase by phase; or what a template makes of an event.

mod paint;
mod print;
mod request;
mod source;

use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::remote::Where;
use crate::explain::{self, Event};
use crate::management::declared::File;
use crate::management::offline::Offline;
use crate::model::Model;
use crate::template::Template;
use paint::Paint;

/// The request, what would be asked, and where the APIs are from.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// A path with its query, or a URL whose host chooses the API
    target: Option<String>,
    /// The method [default: GET, or POST with --data]
    #[arg(long, short = 'X')]
    method: Option<String>,
    /// A header field, `Name: value`; may be repeated
    #[arg(long, short = 'H', value_name = "FIELD")]
    header: Vec<String>,
    /// Content, or @FILE
    #[arg(long, short, value_name = "TEXT")]
    data: Option<String>,
    /// A whole request in HTTP's form from FILE; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "curl"])]
    request: Option<PathBuf>,
    /// A request as a curl command, in one argument
    #[arg(long, value_name = "COMMAND", conflicts_with = "target")]
    curl: Option<String>,
    /// The API that is asked, by its name or id, instead of by host and path
    #[arg(long, value_name = "API")]
    api: Option<String>,
    /// Its stage, where it has several
    #[arg(long, requires = "api", value_name = "STAGE")]
    stage: Option<String>,
    /// The client's address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    from: std::net::IpAddr,
    /// When the request comes, in seconds since 1970 [default: now]
    #[arg(long, value_name = "SECONDS", env = "RINGGATE_EXPLAIN_AT")]
    at: Option<u64>,
    /// The back end's answer, a status with or without content, or FILE in HTTP's form; of a function FILE
    /// with its result
    #[arg(long, value_name = "ANSWER")]
    response: Option<String>,
    /// What the authorizer's function returns; without it the caller is taken to pass
    #[arg(long, value_name = "FILE")]
    authorizer_result: Option<PathBuf>,
    /// APIs of files, or of a folder with files, that `ringgate export` wrote; may be repeated
    #[arg(long, value_name = "PATH")]
    apis: Vec<PathBuf>,
    /// APIs of the gateway that runs
    #[arg(long, conflicts_with_all = ["apis", "store"])]
    running: bool,
    /// APIs of the store of `[store]`, as they are stored
    #[arg(long, conflicts_with = "apis")]
    store: bool,
    /// Render this template alone
    #[arg(long, value_name = "TEMPLATE", conflicts_with_all = ["target", "request", "curl", "api", "response"])]
    render: Option<PathBuf>,
    /// What it is rendered with: JSON with body, params (path, querystring, header), context and
    /// stageVariables; or a proxy integration's event; or else its $input.body
    #[arg(long, value_name = "FILE", requires = "render")]
    event: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

/// What files declare, as resources; what is wrong is printed.
pub(super) fn offline(files: &[File], model: &Model) -> Result<Offline, ExitCode> {
    source::offline(files, model)
}

pub(in crate::cli) use print::offset;

const EXAMPLES: &str = "\
Examples:
  ringgate explain /products/7                         an API of the configuration file
  ringgate explain --running --api shop /orders -d '{\"id\": 7}'
                                                       an API of the gateway that runs
  ringgate explain --apis shop.toml --api shop /orders/7 --response '404 {\"error\": 1}'
                                                       exported APIs, and what becomes of an answer
  ringgate explain --curl \"curl -X POST https://api.example.com/orders -d @order.json\"
  ringgate explain --render order.vtl --event order.json
                                                       a template alone, step by step

Nothing is sent. Exit status 0 when the request is explained, whatever happens to it; 1 when a template
has no result; 2 when the arguments, the files or the template are wrong.";

/// Explains a request, or renders a template.
pub(super) fn explain(config: Option<&Path>, options: &Options) -> ExitCode {
    let done = match &options.render {
        Some(template) => render(template, options),
        None => request(config, options),
    };
    done.unwrap_or_else(|wrong| match wrong {
        Wrong::Told(code) => code,
        Wrong::Because(reason) => {
            eprintln!("error: {reason}");
            ExitCode::from(super::EXIT_CONFIGURATION)
        }
    })
}

/// Why there is nothing to explain.
enum Wrong {
    /// It was printed already.
    Told(ExitCode),
    /// In words.
    Because(String),
}

impl From<String> for Wrong {
    fn from(reason: String) -> Self {
        Self::Because(reason)
    }
}

fn request(config: Option<&Path>, options: &Options) -> Result<ExitCode, Wrong> {
    let world = source::world(config, options)?;
    let asked = request::asked(&world, options)?;
    let explanation = explain::explain(&world, &asked);
    if options.json {
        super::shown::print(&json(&explanation));
    } else {
        let paint = Paint::of_terminal();
        super::shown::print(&print::explanation(&explanation, paint));
    }
    Ok(ExitCode::SUCCESS)
}

fn render(file: &Path, options: &Options) -> Result<ExitCode, Wrong> {
    let text = request::read(file)?;
    let event = match &options.event {
        Some(file) => Event::read(&request::read(file)?),
        None => Event::default(),
    };
    let name = file.display().to_string();
    let template = match Template::parse(&text) {
        Ok(template) => template,
        Err(error) => {
            let (line, column) = (error.line, error.column);
            let shown =
                print::mistake(&name, &text, line, column, &error.message, Paint::of_errors());
            eprint!("{shown}");
            return Ok(ExitCode::from(super::EXIT_CONFIGURATION));
        }
    };
    let (rendering, overrides) = explain::render(&template, &event);
    let is_done = rendering.error.is_none();
    if options.json {
        let request = serde_json::Value::Object(overrides.request);
        let response = serde_json::Value::Object(overrides.response);
        let document = serde_json::json!({
            "rendering": rendering,
            "requestOverride": request,
            "responseOverride": response,
        });
        super::shown::print(&json(&document));
    } else {
        let shown = print::rendering(&name, &rendering, &overrides, Paint::of_terminal());
        super::shown::print(&shown);
    }
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn json(document: &impl serde::Serialize) -> String {
    let text = serde_json::to_string_pretty(document).unwrap_or_default();
    format!("{text}\n")
}
