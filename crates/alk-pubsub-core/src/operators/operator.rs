/// Turns one stream into something else: another stream, or a future of a result.
///
/// Everything in this module that is piped implements it, and so may your own types. It is implemented for
/// tuples of up to twelve operators as well, each applied to the output of the one before; `()` changes
/// nothing. A tuple is thus a chain that can be given a name, returned as `impl Operator<S, Output = …>` and,
/// being `Clone` when its parts are, used again on the next stream.
///
/// Applying is wiring only: an implementation neither polls nor spawns, and its output, when dropped, drops
/// `stream`.
///
/// ```
/// use alk_pubsub_core::operators::{Batch, Dedupe, Operator, StreamPipe, batch, dedupe, take};
/// use futures_util::{StreamExt, stream};
/// use std::time::Duration;
///
/// /// A chain of operators is a type that can be written down.
/// type Tidy = (Dedupe, Batch);
///
/// /// An operator of one's own, made of two others.
/// #[derive(Clone)]
/// struct Top(usize);
///
/// impl<S> Operator<S> for Top
/// where
///     S: futures_core::Stream<Item: Clone + Eq + std::hash::Hash>,
/// {
///     type Output = <(Dedupe, alk_pubsub_core::operators::Take) as Operator<S>>::Output;
///
///     fn apply(self, stream: S) -> Self::Output {
///         (dedupe(100), take(self.0)).apply(stream)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let tidy: Tidy = (dedupe(100), batch(2, Duration::from_millis(50)));
/// let letters: Vec<_> = stream::iter("abacab".chars()).pipe(tidy.clone()).collect().await;
/// assert_eq!(letters, [vec!['a', 'b'], vec!['c']]);
/// let numbers: Vec<_> = stream::iter([1, 1, 2]).pipe(tidy).collect().await;
/// assert_eq!(numbers, [[1, 2]]);
///
/// let top: Vec<_> = stream::iter([7, 7, 8, 9]).pipe(Top(2)).collect().await;
/// assert_eq!(top, [7, 8]);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be piped onto `{S}`",
    note = "an operator's closures must take the stream's items, and a chain's links each other's output"
)]
pub trait Operator<S> {
    /// What becomes of the stream.
    type Output;

    /// Puts this operator onto `stream`.
    fn apply(self, stream: S) -> Self::Output;
}

impl<S> Operator<S> for () {
    type Output = S;

    fn apply(self, stream: S) -> S {
        stream
    }
}

impl<S, A: Operator<S>> Operator<S> for (A,) {
    type Output = A::Output;

    fn apply(self, stream: S) -> Self::Output {
        self.0.apply(stream)
    }
}

/// A tuple is its first operator, and the rest of it on the output of that.
macro_rules! operators_in_turn {
    ($first:ident $($next:ident after $before:ident),+) => {
        impl<S, $first, $($next),+> Operator<S> for ($first, $($next),+)
        where
            $first: Operator<S>,
            $($next: Operator<$before::Output>),+
        {
            type Output = operators_in_turn!(@last $($next)+);

            #[expect(non_snake_case, reason = "an operator is called like its type parameter")]
            fn apply(self, stream: S) -> Self::Output {
                let ($first, $($next),+) = self;
                let stream = $first.apply(stream);
                $(let stream = $next.apply(stream);)+
                stream
            }
        }
    };
    (@last $last:ident) => { $last::Output };
    (@last $skipped:ident $($rest:ident)+) => { operators_in_turn!(@last $($rest)+) };
}

operators_in_turn!(A B after A);
operators_in_turn!(A B after A, C after B);
operators_in_turn!(A B after A, C after B, D after C);
operators_in_turn!(A B after A, C after B, D after C, E after D);
operators_in_turn!(A B after A, C after B, D after C, E after D, F after E);
operators_in_turn!(A B after A, C after B, D after C, E after D, F after E, G after F);
operators_in_turn!(A B after A, C after B, D after C, E after D, F after E, G after F, H after G);
operators_in_turn!(A B after A, C after B, D after C, E after D, F after E, G after F, H after G, I after H);
operators_in_turn!(
    A B after A, C after B, D after C, E after D, F after E, G after F, H after G, I after H,
    J after I
);
operators_in_turn!(
    A B after A, C after B, D after C, E after D, F after E, G after F, H after G, I after H,
    J after I, K after J
);
operators_in_turn!(
    A B after A, C after B, D after C, E after D, F after E, G after F, H after G, I after H,
    J after I, K after J, L after K
);
