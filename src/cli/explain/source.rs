//! Where the APIs are from: the configuration file, files that were exported, the gateway that runs, or
//! its store.

use super::{Options, Wrong};
use crate::cli::{apply, remote};
use crate::explain::World;
use crate::management::Settings;
use crate::management::declared::File;
use crate::management::offline::Offline;
use crate::model::Model;
use crate::resources::Timestamp;
use crate::snapshot::{ManagedDelta, compile};
use std::path::Path;
use std::process::ExitCode;

/// Everything that a request could meet.
pub(super) fn world(config: Option<&Path>, options: &Options) -> Result<World, Wrong> {
    let model = super::super::load(config).map_err(Wrong::Told)?;
    let delta = if options.running {
        let files = exported(config, options)?;
        declared(&files, &model)?
    } else if options.store {
        stored(&model)?
    } else {
        let mut files = Vec::new();
        for path in &options.apis {
            files.extend(apply::files(path)?);
        }
        declared(&files, &model)?
    };
    Ok(World::new(compile(&model, 1, 0), delta))
}

/// What files declare.
fn declared(files: &[File], model: &Model) -> Result<ManagedDelta, Wrong> {
    Ok(offline(files, model).map_err(Wrong::Told)?.compile())
}

/// What files declare, as resources.
pub(super) fn offline(files: &[File], model: &Model) -> Result<Offline, ExitCode> {
    let texts: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
    let region = &model.aws.region;
    // Nothing that is printed tells when a resource was made.
    let made = Timestamp(0);
    Offline::declared(&texts, region, made, Settings::offline(model))
        .map_err(|refused| apply::refuse(files, refused))
}

fn stored(model: &Model) -> Result<ManagedDelta, Wrong> {
    if model.store.url == "memory" {
        return Err(Wrong::Because(
            "a store in memory can be read by the gateway alone: use --running".to_owned(),
        ));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let offline = runtime.block_on(Offline::stored(&model.store.url, Settings::offline(model)));
    Ok(offline.map_err(|error| error.to_string())?.compile())
}

/// What `ringgate export` prints.
fn exported(config: Option<&Path>, options: &Options) -> Result<Vec<File>, Wrong> {
    let gateway = options.place.gateway(config).map_err(Wrong::Told)?;
    let mut files = Vec::new();
    let code = remote::run(async {
        let mut answer = gateway.done("GET", "/_ringgate/export?", Vec::new()).await?;
        files = serde_json::from_value(answer["files"].take()).map_err(|error| {
            remote::Failed::Unreadable { place: gateway.endpoint.clone(), cause: error.to_string() }
        })?;
        Ok(ExitCode::SUCCESS)
    });
    match code == ExitCode::SUCCESS {
        true => Ok(files),
        false => Err(Wrong::Told(code)),
    }
}
