#!/usr/bin/env bash
# One run of this newsletter in a checkout that keeps nothing: the state comes from git and goes back to git.
#
# newsletter-state   one commit: var/ packed, encrypted where STATE_KEY is set; replaced after each run
# newsletter-mark    one commit: how far mail has gone; moved forward *before* anything is sent
#
# A run that dies after it began to send leaves the mark ahead of the state. The restore guard sees that, as it sees a
# state that was lost or is older, and nothing more is sent until a person confirms: a missing edition beats two.
set -euo pipefail
newsletter=${NEWSLETTER:-newsletter}
summary=${GITHUB_STEP_SUMMARY:-/dev/stderr}
state=refs/heads/newsletter-state
mark=refs/heads/newsletter-mark
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "$*" | tee -a "$summary"; }
refuse() { say "**Nothing was sent.** $*"; exit 1; }
git_() { git -c user.name=newsletter -c user.email=newsletter@localhost "$@"; }
at_origin() { git ls-remote origin "$1" | cut -f1; }

if [ "${PRIVATE:-true}" = false ] && [ -z "${STATE_KEY:-}" ]; then
  refuse "This repository is public, and the state has your readers' addresses: add a secret STATE_KEY (any long text)."
fi

# Restore
state_was=$(at_origin "$state")
mark_was=$(at_origin "$mark")
if [ -z "$state_was" ] && [ "${CONFIRM:-}" != true ]; then
  refuse "There is no state. On the very first run, or when you know what arrived, choose *Run workflow* and tick the box."
fi
# The mark lies apart from the database: here it is a copy on every machine, and the branch says how far mail has gone.
held=mark/dispatch.mark
export NEWSLETTER_DELIVERY__EPOCH_FILE="$PWD/$held"
mkdir -p var mark
if [ -n "$state_was" ]; then
  git fetch --quiet --depth=1 origin "$state"
  git cat-file blob FETCH_HEAD:state > "$work/state"
  if [ -n "${STATE_KEY:-}" ]; then
    openssl enc -d -aes-256-cbc -pbkdf2 -pass env:STATE_KEY -in "$work/state" -out "$work/state.tar.gz" 2> /dev/null ||
      refuse "The state cannot be decrypted: STATE_KEY is not the one that it was saved with."
  else
    mv "$work/state" "$work/state.tar.gz"
  fi
  tar -xzf "$work/state.tar.gz"
fi
# Of the two marks, that of the state and that of the branch, the one that is further: where it is further than the
# database, the restore guard refuses.
epoch() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["epoch"])' "$1" 2> /dev/null || echo 0; }
if [ -n "$mark_was" ]; then
  git fetch --quiet --depth=1 origin "$mark"
  git cat-file blob FETCH_HEAD:mark > "$work/mark"
  if [ "$(epoch "$work/mark")" -gt "$(epoch "$held")" ]; then cp "$work/mark" "$held"; fi
fi

commit() { # commit NAME FILE: one commit without a parent that holds one file
  local blob tree
  blob=$(git hash-object -w "$2")
  tree=$(printf '100644 blob %s\t%s\n' "$blob" "$1" | git mktree)
  git_ commit-tree "$tree" -m "$1, $(date -u +%Y-%m-%dT%H:%MZ)"
}
save() {
  tar -czf "$work/state.tar.gz" --exclude=var/raw --exclude=var/outbox --exclude=var/*.lock var mark
  if [ -n "${STATE_KEY:-}" ]; then
    openssl enc -aes-256-cbc -pbkdf2 -pass env:STATE_KEY -in "$work/state.tar.gz" -out "$work/saved"
  else
    cp "$work/state.tar.gz" "$work/saved"
  fi
  # Only in place of the state that this run began with: of two runs at a time one fails here.
  git push --quiet --force-with-lease="$state:$state_was" origin "$(commit state "$work/saved"):$state"
  state_was=$(at_origin "$state")
}
run() { # run ARGUMENTS: the command, its output also in the summary; its exit code is in $code
  code=0
  "$newsletter" run "$@" 2>&1 | tee "$work/said" || code=${PIPESTATUS[0]}
  { echo '```'; cat "$work/said"; echo '```'; } >> "$summary"
}

# Compose; what is bought from a model is saved before anything else can go wrong
confirmed=()
if [ "${CONFIRM:-}" = true ]; then confirmed=(--confirm-restore); fi
run --no-send "${confirmed[@]}"
save
if [ "$code" = 75 ]; then say "arXiv's mailing is not there yet: the next run tries again."; exit 0; fi
if [ "$code" != 0 ]; then
  say "**Look at the sentence above.** If it asks for --confirm-restore: a run died or the state was lost after mail had"
  say "begun to go out. Look at what arrived, then choose *Run workflow* and tick the box."
  exit "$code"
fi

# Send, when something waits
waiting=$("$newsletter" sends --limit 1000 --json | grep -cE '"state": "(ready|retry_at)"' || true)
if [ "$waiting" = 0 ]; then say "Nothing waits to be sent."; exit 0; fi
printf '{"epoch": %d, "through": "%s"}' "$(($(epoch "$held") + 1))" "$(date -u +%Y-%m-%d)" > "$work/mark"
git push --quiet --force-with-lease="$mark:$mark_was" origin "$(commit mark "$work/mark"):$mark" ||
  refuse "Another run is sending at this moment."
run
save
exit "$code"
