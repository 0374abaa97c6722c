#!/usr/bin/env bash
# enroll of twenty servers, killed at a hundred random moments while it sends and at a hundred while it fetches; what
# pends is issued each time, and it is run again. Fails where a request was made twice or anything is lost.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export OCSCERT_KILL_ROUNDS=${1:-100} OCSCERT_KILL_SERVERS=${2:-20}
exec cargo test --release --locked --test enroll_killed -- --nocapture
