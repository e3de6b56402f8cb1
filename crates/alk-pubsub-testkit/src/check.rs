use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::capabilities::Requirement;
use crate::kit::Kit;

type Run = fn(Kit) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// One test of one promise.
pub struct Check {
    /// The number of the promise.
    pub promise: u8,
    /// What it says, as the name of a function.
    pub name: &'static str,
    /// What a transport must be able to do for this to apply.
    pub requires: Option<Requirement>,
    pub(crate) run: Run,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("promise", &self.promise)
            .field("name", &self.name)
            .field("requires", &self.requires)
            .finish_non_exhaustive()
    }
}

/// Makes of one list of checks the table [`CHECKS`](crate::CHECKS) and the macro [`conformance!`](crate::conformance).
///
/// The first token is a `$`, which the macro made needs in its own pattern.
macro_rules! checks {
    (
        $dollar:tt
        $( $promise:literal $module:ident :: $check:ident $( requires $requirement:ident )?; )*
    ) => {
        /// All checks, in the order of the promises.
        pub const CHECKS: &[$crate::Check] = &[
            $( $crate::Check {
                promise: $promise,
                name: stringify!($check),
                requires: checks!(@requirement $($requirement)?),
                run: |kit| Box::pin($module::$check(kit)),
            } ),*
        ];

        /// Makes a module with a test for each of [`CHECKS`](crate::CHECKS): `conformance!(name, factory)`.
        ///
        /// `factory` is an expression for a [`TargetFactory`](crate::TargetFactory), made anew for each test. What can be written
        /// before a module can be written before the name, say `#[cfg(feature = "fast")]`.
        #[macro_export]
        macro_rules! conformance {
            ($dollar(#[$dollar meta:meta])* $dollar transport:ident, $dollar factory:expr $dollar(,)?) => {
                $dollar(#[$dollar meta])*
                mod $dollar transport {
                    #[allow(unused_imports, reason = "the factory may be a path")]
                    use super::*;

                    $(
                        #[test]
                        fn $check() {
                            $crate::run_recorded(module_path!(), &$dollar factory, stringify!($check));
                        }
                    )*
                }
            };
        }
    };
    (@requirement) => { None };
    (@requirement $requirement:ident) => { Some($crate::Requirement::$requirement) };
}

pub(crate) use checks;
