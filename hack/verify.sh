#!/bin/sh
# Checks what `make verify` promises, all of it even when some of it fails.
# Works with uncommitted changes too: generated files are compared before and
# after they are generated, not with what is committed.
set -u
cd "$(dirname "$0")/.." || exit 1

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/objects"
objects=$(git rev-parse --path-format=absolute --git-path objects) || exit 1
failed=

# scratch_git runs git with an index and new objects outside the repository.
scratch_git() {
	GIT_INDEX_FILE="$work/index" \
		GIT_OBJECT_DIRECTORY="$work/objects" \
		GIT_ALTERNATE_OBJECT_DIRECTORIES="$objects" \
		git "$@"
}

# snapshot prints the name of a tree that holds every file not ignored.
snapshot() {
	scratch_git add --all . && scratch_git write-tree
}

check() {
	name=$1
	shift
	echo "verify: $name"
	"$@" || failed="$failed
  - $name"
}

generated() {
	before=$(snapshot) || return 1
	"${MAKE:-make}" --no-print-directory generate || return 1
	after=$(snapshot) || return 1
	[ "$before" = "$after" ] && return 0
	echo "Generated files were not current. They are now; commit them:"
	scratch_git --no-pager diff --stat "$before" "$after"
	return 1
}

tidy() {
	(cd "$1" && go mod tidy -diff)
}

check "generated files are current (make generate)" generated
check "lint and formatting (make lint)" "${MAKE:-make}" --no-print-directory lint
check "go.mod is tidy (go mod tidy)" tidy .
check "test/localkube/go.mod is tidy (go mod tidy)" tidy test/localkube

if [ -n "$failed" ]; then
	echo "verify: FAILED:$failed"
	exit 1
fi
echo "verify: everything holds"
