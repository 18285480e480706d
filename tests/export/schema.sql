-- Tables of the gateway's shape, as far as docs/export/*.sql read them, with rows of every kind that calibration knows.
-- NEWER is 1 for a database that has usage_logs.session_id.
CREATE TABLE groups (id bigint PRIMARY KEY, platform text);
CREATE TABLE usage_logs (
  id bigserial PRIMARY KEY, request_id text, created_at timestamptz, user_id bigint, api_key_id bigint, group_id bigint,
  account_id bigint, requested_model text, model text, upstream_model text, stream boolean, request_type smallint,
  openai_ws_mode boolean NOT NULL DEFAULT false, reasoning_effort varchar, inbound_endpoint text, first_token_ms int,
  duration_ms int, input_tokens int, output_tokens int, cache_read_tokens int, cache_creation_tokens int,
  user_agent text, image_count int);
\if :NEWER
ALTER TABLE usage_logs ADD COLUMN session_id varchar;
\endif
CREATE TABLE ops_error_logs (
  id bigserial PRIMARY KEY, client_request_id text, created_at timestamptz, user_id bigint, api_key_id bigint,
  group_id bigint, account_id bigint, requested_model text, model text, upstream_model text, stream boolean,
  request_type smallint, inbound_endpoint text, time_to_first_token_ms bigint, routing_latency_ms bigint, user_agent text,
  status_code int, error_type text, error_owner text, error_phase text, platform text,
  is_count_tokens boolean NOT NULL DEFAULT false, upstream_errors jsonb);
CREATE TABLE ops_system_logs (
  id bigserial PRIMARY KEY, component text, message text, client_request_id text, extra jsonb, created_at timestamptz);
CREATE TABLE accounts (
  id bigint PRIMARY KEY, platform text, type text, status text, schedulable boolean, concurrency int, load_factor int,
  priority int, rate_multiplier numeric, proxy_id bigint, rate_limit_reset_at timestamptz, overload_until timestamptz,
  temp_unschedulable_until timestamptz, extra jsonb, credentials jsonb, deleted_at timestamptz);
CREATE TABLE account_groups (account_id bigint, group_id bigint);

INSERT INTO groups VALUES (1, 'openai'), (2, 'anthropic');
INSERT INTO accounts (id, platform, type, status, schedulable, concurrency, priority, rate_multiplier, extra, credentials)
VALUES (1, 'openai', 'apikey', 'active', true, 4, 1, 1, '{"codex_5h_used_percent": 12}', '{"api_key": "sk-secret"}'),
       (2, 'openai', 'oauth', 'active', true, 8, 1, 1, '{"email": "someone@example.com"}', '{"token": "secret"}');
INSERT INTO account_groups VALUES (1, 1), (2, 1);

CREATE FUNCTION usage(crid text, at timestamptz, account bigint, ttft int, took int, ws boolean DEFAULT false)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO usage_logs (request_id, created_at, user_id, api_key_id, group_id, account_id, requested_model, model, stream,
    request_type, openai_ws_mode, inbound_endpoint, first_token_ms, duration_ms, input_tokens, output_tokens,
    cache_read_tokens, cache_creation_tokens, user_agent, image_count)
  VALUES ('client:' || crid, at, 1, 3, 1, account, 'gpt-5', 'gpt-5', true, 2, ws, '/v1/responses', ttft, took, 100, 20, 0, 0,
    'codex', 0) $$;
CREATE FUNCTION access(crid text, at timestamptz, status int, wall int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO ops_system_logs (component, message, client_request_id, extra, created_at)
  VALUES ('http.access', 'http request completed', crid, jsonb_build_object('status_code', status, 'latency_ms', wall), at) $$;
CREATE FUNCTION error(crid text, at timestamptz, account bigint, status int, errors jsonb) RETURNS void LANGUAGE sql AS $$
  INSERT INTO ops_error_logs (client_request_id, created_at, user_id, api_key_id, group_id, account_id, requested_model, stream,
    request_type, inbound_endpoint, user_agent, status_code, error_type, error_owner, error_phase, platform, upstream_errors)
  VALUES (crid, at, 1, 3, 1, account, 'gpt-5', true, 2, '/v1/responses', 'codex', status, 'api_error', 'upstream', 'upstream',
    'openai', errors) $$;

-- 1: an answer with its access row (waited 150 ms); 2: one without; 3: over WebSocket
SELECT usage('a', '2026-08-01 10:00:01+00', 1, 300, 800), access('a', '2026-08-01 10:00:01.005+00', 200, 955);
SELECT usage('b', '2026-08-01 10:00:02+00', 2, 250, 700);
SELECT usage('c', '2026-08-01 10:00:03+00', 2, 250, 700, true), access('c', '2026-08-01 10:00:09+00', 101, 9000);
-- 4: failed over, then well; 5: failed for good after two attempts; 6: refused by the gateway; 7: an error without access row
SELECT usage('d', '2026-08-01 10:00:04+00', 2, 280, 600), access('d', '2026-08-01 10:00:04.002+00', 200, 702),
       error('d', '2026-08-01 10:00:03.4+00', 1, 200, '[{"at_unix_ms": 1785578403390, "account_id": 1, "upstream_status_code": 500, "kind": "failover"}]');
SELECT access('e', '2026-08-01 10:00:05+00', 502, 120),
       error('e', '2026-08-01 10:00:05+00', 2, 502, '[{"at_unix_ms": 1785578404940, "account_id": 1, "upstream_status_code": 429, "kind": "failover"},
                                                     {"at_unix_ms": 1785578404990, "account_id": 2, "kind": "request_error"}]');
SELECT access('f', '2026-08-01 10:00:06+00', 429, 3), error('f', '2026-08-01 10:00:06+00', 1, 429, NULL);
SELECT error('g', '2026-08-01 10:00:07+00', 1, 502, NULL);
-- 8: a stream that broke after its tokens were counted
SELECT usage('h', '2026-08-01 10:00:08+00', 1, 280, 600), access('h', '2026-08-01 10:00:08+00', 200, 605),
       error('h', '2026-08-01 10:00:08+00', 1, 502, NULL);
-- 9: cached tokens and an effort, after a failed attempt (so that the cached tokens are not to be trusted)
SELECT usage('n', '2026-08-01 10:00:08.5+00', 2, 280, 600), access('n', '2026-08-01 10:00:08.5+00', 200, 690),
       error('n', '2026-08-01 10:00:07.9+00', 1, 200, '[{"at_unix_ms": 1785578407850, "account_id": 1, "upstream_status_code": 502, "kind": "failover"}]');
UPDATE usage_logs SET cache_read_tokens = 4096, reasoning_effort = 'high' WHERE request_id = 'client:n';
-- none of these: another platform, an image, a cyber-blocked one, a count of tokens, another day
SELECT usage('i', '2026-08-01 10:00:09+00', 1, 1, 1), usage('j', '2026-08-01 10:00:09+00', 1, 1, 1),
       usage('k', '2026-08-01 10:00:09+00', 1, 1, 1), usage('l', '2026-08-03 10:00:09+00', 1, 1, 1);
UPDATE usage_logs SET group_id = 2 WHERE request_id = 'client:i';
UPDATE usage_logs SET image_count = 1 WHERE request_id = 'client:j';
UPDATE usage_logs SET request_type = 4 WHERE request_id = 'client:k';
INSERT INTO ops_error_logs (client_request_id, created_at, platform, status_code, is_count_tokens)
VALUES ('m', '2026-08-01 10:00:09+00', 'openai', 500, true);
\if :NEWER
UPDATE usage_logs SET session_id = 'my-session' WHERE request_id IN ('client:a', 'client:b');
\endif
