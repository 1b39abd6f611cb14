#!/bin/sh
# One script for all steps of steprelay.json; the first argument says which.
#
#   $STEPRELAY_INPUT     a folder with <artifact>.json for each artifact of the steps before;
#                        in a join one folder per branch, numbered from 0
#   $STEPRELAY_OUTPUT    an empty folder: each <name>.json written here becomes an artifact
#   $STEPRELAY_PARAM_*   the run's parameters
set -eu

case "$1" in
choose)
    # Any JSON will do: this is a text.
    printf '"poem.txt"' > "$STEPRELAY_OUTPUT/file.json"
    ;;
lines)
    # The files of the package are in the working folder. A failing command fails the attempt, as `set -e` has
    # it, and the retry of this step tries again. This one fails the first time, to show it.
    if [ "$STEPRELAY_RETRY_COUNT" = 0 ]; then
        echo "the printer jams: exit code 3" >&2
        exit 3
    fi
    wc -l < poem.txt > "$STEPRELAY_OUTPUT/lines.json" # a number is JSON already
    ;;
words)
    wc -w < poem.txt > "$STEPRELAY_OUTPUT/words.json"
    ;;
join)
    # Branches in the order of "next": 0 is lines, 1 is words.
    lines=$(cat "$STEPRELAY_INPUT/0/lines.json")
    words=$(cat "$STEPRELAY_INPUT/1/words.json")
    printf '{"lines": %d, "words": %d}\n' "$lines" "$words" > "$STEPRELAY_OUTPUT/result.json"
    ;;
report)
    echo "$STEPRELAY_PARAM_TITLE has $(cat "$STEPRELAY_INPUT/result.json")"
    ;;
esac
