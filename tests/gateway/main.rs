//! Every row of the request loop (spec gateway.md), and what holds it.
//!
//! "Vectors" are `loop.jsonl` and `ws.jsonl` (tests/golden_loop.rs): an independent implementation's answers on random
//! cases, without OAuth accounts, users, jitter, rules, passing 400s, unlimited accounts, replicas, client retries and
//! coincidences. What they cannot reach, or would not tell by name, is held by a test of this folder; expectations are
//! worked out by hand. In all of them felt = waited + failed + upstream TTFT, every request ends once, wait counters
//! move by one, and slots and counters are 0 when all is drained (`world.rs`, `seen.rs`).
//!
//! | statement | held by |
//! | --- | --- |
//! | **1** user slot: at once, or waiting by polls | users: a_user_slot_is_taken_at_once..., a_user_with_two_slots..., whoever_polls_first... |
//! | at most concurrency + 20 wait, else 429; 30 s | users: concurrency_plus_twenty..., waiting_for_a_user_slot_ends... |
//! | freed at the end, of whatever kind; at the departure of a client that leaves (*) | users: a_user_slot_is_free_at_the_end..., ...when_its_client_leaves... |
//! | **2** selects exclude who failed; 503 where none is excluded, else exhausted | vectors; ends: an_account_that_failed..., a_request_that_runs_out... |
//! | **4.1** a try at once | cannot succeed in virtual time: the select failed at the same instant |
//! | **4.2** the wait counter and its limits, 429 | vectors; waiting: a_sticky_wait_plan... |
//! | **4.3** pauses: 100 ms, times 1.5, at most 2 s | vectors (without jitter); unit tests of gateway/waiting.rs |
//! | jitter of 0.8 to 1.2, clamped | waiting: the_first_poll..., the_second_pause..., each_pause..., no_pause... |
//! | no queue order | vectors; waiting: whoever_polls_first... |
//! | **4.4** exactly at the timeout, without a last try | waiting: a_wait_ends_exactly..., a_timeout_that_falls_on_a_poll... |
//! | **4.5** bound after waiting, after an escape too | vectors; waiting: a_session_is_bound..., an_escape_that_... |
//! | a departure leaves the counter, 499 | vectors; waiting: a_client_that_goes_away... |
//! | **5** TTFT from the forward, whole ms; the client feels the rest too | vectors; waiting: waiting_counts...; ends: failed_attempts_count... |
//! | connections over HTTP/1.1: in order, without limit, inside the TTFT | vectors; connections: a_forward_with_a_slot... |
//! | no limit over HTTP/2 and for concurrency <= 0; per replica | connections: there_is_no_limit..., every_replica... |
//! | **6** success: slot, then report, at the end of the answer | vectors; ends: a_result_is_reported... |
//! | which statuses fail over; passing 400s | vectors; ends: only_some_statuses..., a_400_with... |
//! | pool mode: codes, 500 ms, count per account and request, not excluded | vectors; pool_mode: a_listed_status..., other_statuses..., the_list_of_codes..., retries_are_counted..., a_retry_is_a_select... |
//! | never retried unless it fails over; passing 400s are | pool_mode: a_status_that_does_not..., a_passing_400... |
//! | max_account_switches, 0 too; report_switch | vectors; ends: a_request_switches_at_most... |
//! | storms of 429s on OAuth accounts; per process (*) | ends: the_twentieth_429..., a_window_is_not..., api_keys..., during_a_storm..., every_gateway_process...; unit test of gateway/states.rs |
//! | other statuses, transport errors: 502, no failover | vectors; ends: only_some_statuses..., a_transport_error... |
//! | broken streams by kind | vectors; ends: a_broken_stream... |
//! | departures: in the pause of a retry; while forwarding: slot free at once, result late | vectors; pool_mode: a_client_that_leaves...; connections: the_slot_of_a_client... |
//! | detached: effects on the account, reported, neither retry nor switch; broken streams | vectors; connections: a_429_after..., a_failover_kind_status..., a_stream_that_breaks..., other_errors... |
//! | patience ends with the first token | connections: patience_no_longer_matters... |
//! | **the table**: every status, in pool mode none | vectors (API keys); states: every_status..., the_overload_cooldown... |
//! | the last 429 sets the end, the block only moves later, ends are kept apart, over *at* the end | states: the_last_429..., a_429_does_not_shorten..., every_limit... |
//! | 403s within 3 h, a success between | states: the_third_403..., a_success_sets...; unit tests of gateway/states.rs |
//! | `temp_unschedulable_rules` | states: an_account_may_carry..., a_rule_is_about... (*) |
//! | blocks are a process's own | states: what_is_runtime_blocked... |
//! | 429, 503 or 502 to the client | ends: what_the_client_of_an_exhausted_request... |
//! | one-off sessions of pool mode | vectors; pool_mode: a_request_without_a_session..., a_one_off..., a_session_of_its_own..., the_draw_of..., a_clients_next_try... |
//! | **the list**: first poll after a change, phase, interval | vectors; candidates: the_first_list..., the_poll_interval..., a_repeated_change... |
//! | full rebuilds, 0: never | vectors; candidates: the_list_is_built_every..., with_an_interval_of_zero... |
//! | empty: built when layer 3 asks; unusable entries are not empty | candidates: an_empty_list..., a_list_whose_entries... |
//! | limits that run out trigger nothing; leaving is immediate, coming back is not | vectors; candidates: that_a_limit..., an_account_comes_back..., leaving_is_immediate..., after_a_block... |
//! | listed though blocked | candidates: an_account_that_is_blocked... |
//! | shared by all replicas, each polls | candidates: every_replica_polls... |
//! | **WebSocket** v2 accounts only | websocket: accounts_must_speak... |
//! | no limit on connections | cannot be told: a turn keeps its slot until its upstream ends |
//! | no pool-mode retry | websocket: there_is_no_retry... |
//! | busy at the first turn: nothing reported; at a later one: a failure | vectors; websocket: a_first_turn_that..., a_later_turn_that... |
//! | bound on every selection with a slot; by a previous_response_id hit even without | vectors; websocket: the_session_is_bound..., a_hit_of... |
//! | later turns stay, whatever the health | vectors; websocket: a_later_turn_stays... |
//! | responses are bound, continued, and expire | vectors; websocket: a_session_continues..., a_client_that_left_cannot..., a_response_binding... |
//! | only rate limits move; counts and exclusions per connection | vectors; websocket: a_rate_limit_..., switches_and_exclusions..., a_connection_that_runs_out..., a_move_to_a_busy... |
//! | any other end closes, without effect on the account | vectors; websocket: any_other_early_end... |
//! | a client that leaves: slot kept, reported at the end | websocket: a_turn_whose_client_left..., a_rate_limit_after... |
//! | turns queue, connections idle out (ours) | websocket: a_turn_behind..., patience_begins..., turns_behind..., an_idle_connection..., turns_without_a_session... |
//! | previous_response_id over HTTP is refused | a trace's is not sent over HTTP (*): websocket: previous_response_id_is_not_sent... |
//! | **replicas** (spec simulator.md): routing, what is shared, what is not, restarts | replicas; websocket: the_turns_of_a_connection... |
//! | **clients** (spec simulator.md): retries, backoff, patience per try | clients |
//!
//! The same for 0.1.179 (spec scheduler-modes.md, section 7), where it differs. "Vectors" are `loop-modes.jsonl`, with
//! OAuth accounts, users, rules and all three modes; tests without a file's name are in `newer.rs`.
//!
//! | statement | held by |
//! | --- | --- |
//! | a previous_response_id over HTTP: the same user's, alive, else 400; every select carries it | vectors; a_response_is_continued...; unit tests of gateway/responses.rs |
//! | a continuation needs an API key; slot back, excluded; 400 where none is left | vectors; a_response_is_continued... |
//! | 20 wait for a user's slot | vectors; twenty_may_wait... |
//! | over 10 s in one wait: HTTP 200 from then on | vectors; users: waiting_for_a_user_slot... |
//! | 404 where nobody lists the model, 503 in a group-less request or for a blank model | vectors |
//! | success: response bound, pair cleared, window closed, last_used | vectors; unit test of gateway/recency.rs |
//! | a failover-kind failure is not reported when the client has left | vectors; a_failure_that_would... |
//! | 405, 413, transport errors fail over; context too long never does | vectors; transport_errors..., a_405..., what_is_the_requests... |
//! | to the client 413, then 503 (529, overloaded), then 429, else 502; 400 for a 400 | vectors; a_405..., overloaded_servers... |
//! | line 1: overloaded, context too long: no effect | vectors; overloaded_servers..., what_is_the_requests... |
//! | lines 2 and 3: limited for the model, or blocked for a blank one | vectors |
//! | line 4: within the 429 window nothing | vectors; a_429_of_an_oauth... |
//! | line 5: HTML pages, logins without a refresh token; ends that would not move later | vectors; an_html_page..., a_401..., a_temporary_end... |
//! | durable transport errors: 10 minutes, in pool mode too | vectors; transport_errors... |
//! | pairs: which statuses count | vectors; unit tests of scheduler/pairs.rs |
//! | streams that end before anything reached the client | a_stream_that_closes... |
//! | retries: pool mode, overloaded, 429 of a login (header, 8 s, two minutes) | vectors; overloaded_servers..., the_header..., after_the_two_minutes..., pool_mode_retries... |
//! | exhausted after three switches, the last for a login's 429 | vectors |
//! | in legacy nothing is reported | vectors; in_legacy... |
//! | WebSocket: a limited login is asked again with its slot | over_websocket... |
//! | what-ifs: sketches of later revisions | what_ifs |
//!
//! (*) decided where the spec is silent:
//! - 429 windows are a process's own and are lost when it restarts; the slot of a limited WebSocket turn is kept in its
//!   pause;
//! - a user slot is the client's: it is free when the client leaves, though the upstream runs on;
//! - storms are counted in each process; a 429 counts also when pool mode retries it or its client has left;
//! - the table, its rules included, is about statuses that fail over; a 404 with a rule does nothing;
//! - 403s are counted from the first one for 3 h, and over all replicas;
//! - a restarted process builds the list, as every process does at its start, and polls from then on; forwards under
//!   way and their connections outlive it;
//! - over WebSocket only a 429 changes an account; patience counts from when a queued turn is sent, the wait before is
//!   felt; all turns of a connection go to one replica;
//! - a client's next try is a new request: exclusions, switches, pool-mode retries, patience and one-off session start
//!   anew, the user slot is given back for the pause; the pause counts as failed time in what is felt;
//! - a change of an account at the very instant of a poll waits for the next poll.

mod candidates;
mod clients;
mod connections;
mod ends;
mod modes;
mod newer;
mod pool_mode;
mod replicas;
mod seen;
mod states;
mod users;
mod waiting;
mod websocket;
mod what_ifs;
mod world;
