//! What a request asks of the scheduler.

use super::config::Config;
use super::seed::{SeedTexts, selection_seed};
use crate::ids::{AccountIx, ModelId};
use crate::units::Time;

/// How clients talk to the gateway, and the gateway to its upstreams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// One HTTP request a turn: asks nothing of an account.
    #[default]
    Http,
    /// Turns on a WebSocket connection: needs an account that speaks WebSocket v2.
    WebSocket,
}

/// A session hash that is not blank.
#[derive(Clone, Copy, Debug)]
pub struct SessionKey<'a> {
    /// Stands for the hash in `Pool::sessions`.
    pub key: u64,
    /// Its text, trimmed: it is used for the draw's seed only.
    pub hash: &'a [u8],
}

/// A previous response id that is not blank.
#[derive(Clone, Copy, Debug)]
pub struct ResponseKey<'a> {
    /// Stands for the id in `Pool::responses`.
    pub key: u64,
    /// Its text, trimmed: it is used for the draw's seed only.
    pub text: &'a [u8],
}

/// What a request asks for. The default asks over HTTP for a blank model, without a session, with nothing excluded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'a> {
    /// Its session, if any.
    pub session: Option<SessionKey<'a>>,
    /// The response that it continues, if any.
    pub previous: Option<ResponseKey<'a>>,
    /// Its model: what accounts must support, and what they are limited for.
    pub model: ModelId,
    /// The model's name, trimmed: it is used for the draw's seed only.
    pub model_name: &'a [u8],
    /// The model as cooldowns of (account, model) pairs know it: one number for all names that are equal when trimmed
    /// and lower-cased. `ModelId::BLANK` for a blank name and for one of more than 512 bytes.
    pub pair_model: ModelId,
    /// Accounts that already failed for this request.
    pub excluded: &'a [AccountIx],
    /// The transport that the account must speak. Revision 0.1.133 does not look at it: there the caller sees to it.
    pub transport: Transport,
    /// Whether the request could do without its previous response. Only the mode `weighted` looks at it.
    pub previous_can_move: bool,
    /// Where the shuffles of the mode `legacy` draw from: a stream of its own for every select.
    pub shuffle_seed: u64,
}

impl Query<'_> {
    pub(super) fn excludes(&self, account: AccountIx) -> bool {
        self.excluded.contains(&account)
    }

    /// The seed of this request's draw.
    pub(super) fn draw_seed(&self, config: &Config, now: Time) -> u64 {
        let texts = SeedTexts {
            session: self.session.map_or(&[], |session| session.hash),
            previous: self.previous.filter(|_| !config.seed_without_previous).map_or(&[], |previous| previous.text),
            model: self.model_name,
            group: config.group_id,
        };
        selection_seed(&texts, now)
    }
}
