//! Several observers as one: pairs see every step in order, `None` sees nothing.

use super::{BindingCause, Considered, Finished, Forwarded, Observer, Reported, Selected, StateChange};
use crate::ids::{AccountIx, SessionRef};
use crate::units::Time;
use crate::upstream::HealthChange;
use crate::workload::Request;

/// Every method of `Observer`, passed on by a given rule.
macro_rules! forward_all {
    ($self:ident, $each:ident) => {
        forward_all!(@methods $self, $each,
            arrived(now: Time, number: u64, request: &Request);
            selected(step: &Selected<'_>);
            considered(step: &Considered<'_>);
            bound(
                now: Time, session: Option<SessionRef>, earlier: Option<AccountIx>, account: AccountIx, cause: BindingCause
            );
            slots(now: Time, account: AccountIx, held: u32);
            waiting(now: Time, account: AccountIx, waiting: u32);
            forwarded(step: &Forwarded<'_>);
            attempt_ended(now: Time, step: &Forwarded<'_>, client_there: bool);
            reported(report: &Reported);
            state_changed(change: &StateChange);
            list_built(now: Time, listed: &[bool]);
            health_changed(change: &HealthChange);
            restarted(now: Time, replica: u32);
            finished(finished: &Finished<'_>);
            session_over(now: Time, session: SessionRef);
            run_over(now: Time);
        );
    };
    (@methods $self:ident, $each:ident, $($name:ident($($argument:ident: $type:ty),* $(,)?);)*) => {
        $(#[inline]
        fn $name(&mut $self, $($argument: $type),*) {
            $each!($self, $name($($argument),*));
        })*
    };
}

macro_rules! both {
    ($self:ident, $name:ident($($argument:ident),*)) => {{
        $self.0.$name($($argument),*);
        $self.1.$name($($argument),*);
    }};
}

macro_rules! if_some {
    ($self:ident, $name:ident($($argument:ident),*)) => {
        if let Some(observer) = $self { observer.$name($($argument),*); }
    };
}

macro_rules! through {
    ($self:ident, $name:ident($($argument:ident),*)) => { (**$self).$name($($argument),*) };
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    forward_all!(self, both);
}

impl<O: Observer> Observer for Option<O> {
    forward_all!(self, if_some);
}

impl<O: Observer + ?Sized> Observer for &mut O {
    forward_all!(self, through);
}

impl<O: Observer + ?Sized> Observer for Box<O> {
    forward_all!(self, through);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Ends(Vec<u64>);

    impl Observer for Ends {
        fn run_over(&mut self, now: Time) {
            self.0.push(now.unix_nanos());
        }
    }

    #[test]
    fn a_pair_tells_both_and_none_tells_nobody() {
        let mut kept = Ends::default();
        let mut all = ((Ends::default(), None::<Ends>), (Some(Ends::default()), &mut kept));
        all.run_over(Time::from_unix_nanos(7));
        assert_eq!((all.0.0.0.as_slice(), all.1.0.as_ref().map(|o| o.0.as_slice())), (&[7][..], Some(&[7][..])));
        assert_eq!(kept.0, [7]);
    }
}
