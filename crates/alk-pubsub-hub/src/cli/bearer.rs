use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::Error;

const TOKEN: &str = "ALK_HUB_TOKEN";
const TOKEN_FILE: &str = "ALK_HUB_TOKEN_FILE";

/// The token to connect to a hub with. What the command line says goes before the environment, whichever of the two it is.
#[derive(Clone, Default, Args)]
pub struct BearerArgs {
    /// The token to connect with, where the hub wants one. Where others see what processes run: in a file, or in the environment
    #[arg(long, env = TOKEN, hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,

    /// The token to connect with is in this file, which is read once
    #[arg(long, env = TOKEN_FILE, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl BearerArgs {
    /// The token, if there is one. A line feed at its end, which editors and shells leave there, is no part of it.
    ///
    /// # Errors
    ///
    /// If its file cannot be read, or if both a token and a file of one were given at the same place.
    pub(crate) fn read(self) -> Result<Option<String>, Error> {
        let token = self.read_with(|name| std::env::var_os(name))?;
        Ok(token.map(|token| token.trim_end().to_owned()))
    }

    fn read_with(self, env: impl Fn(&str) -> Option<OsString>) -> Result<Option<String>, Error> {
        match (self.token, self.token_file) {
            (None, None) => Ok(None),
            (Some(token), None) => Ok(Some(token)),
            (None, Some(path)) => read(&path).map(Some),
            (Some(token), Some(path)) => {
                // clap does not say where a value is from. A flag that says what the environment says is taken for that.
                let is_env = |name: &str, value: &OsStr| env(name).is_some_and(|env| env == value);
                match (is_env(TOKEN, token.as_ref()), is_env(TOKEN_FILE, path.as_os_str())) {
                    (true, false) => read(&path).map(Some),
                    (false, true) => Ok(Some(token)),
                    (true, true) => {
                        Err(Error::Usage(format!("{TOKEN} and {TOKEN_FILE} are both set; unset one of them")))
                    }
                    (false, false) => {
                        Err(Error::Usage("give either --token or --token-file, not both".to_owned()))
                    }
                }
            }
        }
    }
}

fn read(path: &Path) -> Result<String, Error> {
    let read = std::fs::read_to_string(path);
    read.map_err(|error| Error::Usage(format!("cannot read {}: {error}", path.display())))
}

impl fmt::Debug for BearerArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerArgs").field("token_file", &self.token_file).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_goes_before_the_environment() {
        let file = std::env::temp_dir().join(format!("alk-hub-token-{}", std::process::id()));
        std::fs::write(&file, "in a file").unwrap();
        let path = file.to_str().unwrap();
        let read = |token: Option<&str>, file: Option<&str>, env: &[(&str, &str)]| {
            let arguments = BearerArgs { token: token.map(Into::into), token_file: file.map(Into::into) };
            let find =
                |name: &str| env.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
            arguments.read_with(find).map_err(|error| error.to_string())
        };
        let (token_set, file_set) = ((TOKEN, "around"), (TOKEN_FILE, path));
        // What clap hands on, by what was set where.
        assert_eq!(read(None, None, &[]), Ok(None));
        assert_eq!(read(Some("around"), None, &[token_set]), Ok(Some("around".into())));
        assert_eq!(read(None, Some(path), &[file_set]), Ok(Some("in a file".into())));
        assert_eq!(read(Some("around"), Some(path), &[token_set]), Ok(Some("in a file".into())));
        assert_eq!(read(Some("given"), Some(path), &[file_set]), Ok(Some("given".into())));
        for env in [&[][..], &[token_set, file_set]] {
            let error = read(Some("around"), Some(path), env).unwrap_err();
            assert!(error.contains("both") && !error.contains("around"), "{error}");
        }
        let error = read(None, Some("/nothing/here"), &[]).unwrap_err();
        assert!(error.contains("/nothing/here"), "{error}");
        std::fs::remove_file(&file).unwrap();
    }
}
