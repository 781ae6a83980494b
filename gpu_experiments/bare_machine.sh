#!/bin/sh
# The record on a machine that is held for minutes and has Python, torch and a GPU, and else nothing.
#
#   sh gpu_experiments/bare_machine.sh HOME WHEELS DATA [SECONDS [PRESET [DEVICE [RUN ...]]]]
#
# Give it again until it ends with another status than 75; each time it waits SECONDS at most and
# leaves in HOME what is worth taking along, a few archives without weights. HOME may hold archives
# that an earlier machine left of the same preset: what is complete in them is not run again, and a
# run that begins anew replaces what they have of it once it is as far. WHEELS is a folder of wheels
# of what the machine lacks, DATA is CIFAR-10. Bring the folders along in the checkout, where
# relative ones are sought; get the wheels beforehand, for the machine's Python, with
#
#   python3 -m pip download --no-deps --only-binary=:all: --python-version 3.12 \
#       --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 -d WHEELS \
#       -c constraints.txt torchcfm POT tyro docstring_parser typeguard python-flint
#
# and afterwards, at home, keep what figures show, of complete runs and of those cut short:
#
#   python3 -m gpu_experiments unpack HOME RUNS
#   python3 -m paper_figures.keep RUNS
set -eu
if [ $# -lt 3 ]; then
    echo "Give three folders, HOME WHEELS DATA: the top of $0 says what they hold." >&2
    exit 2
fi
HOME_FOLDER=$1 WHEELS=$2 DATA=$3 SECONDS_LEFT=${4:-540} PRESET=${5:-cifar10-record} DEVICE=${6:-cuda}
shift $(($# < 6 ? $# : 6))
WORK=${TMPDIR:-/tmp}/curated-loops
PYTHON=${PYTHON:-python3}
cd "$(dirname "$0")/.."
mkdir -p "$WORK" "$HOME_FOLDER"
if [ ! -e "$WORK/installed" ] && ls "$WHEELS"/*.whl >/dev/null 2>&1; then
    "$PYTHON" -m pip install -q --no-index --no-deps --no-compile --upgrade \
        --target "$WORK/site" "$WHEELS"/*.whl
    touch "$WORK/installed"
fi
export PYTHONPATH="$WORK/site${PYTHONPATH:+:$PYTHONPATH}"
LACKS=$("$PYTHON" -c 'from importlib.util import find_spec
print(*[each for each in ("torch", "torchcfm", "tyro", "flint") if find_spec(each) is None])')
if [ -n "$LACKS" ]; then
    rm -f "$WORK/installed" # so that wheels brought later are installed
    echo "$PYTHON has no module $LACKS: bring the wheels in $WHEELS, as the top of $0 says." >&2
    exit 2
fi
export TORCHINDUCTOR_CACHE_DIR="$WORK/inductor"
if [ ! -e "$WORK/runs/$PRESET" ] && ls "$HOME_FOLDER"/runs-*.tar.gz >/dev/null 2>&1; then
    "$PYTHON" -m gpu_experiments unpack "$HOME_FOLDER" "$WORK/runs/$PRESET"
fi
exec "$PYTHON" -m gpu_experiments lease "$PRESET" --data "$DATA" --device "$DEVICE" \
    --out "$WORK/runs/$PRESET" --to "$HOME_FOLDER" --seconds "$SECONDS_LEFT" ${1:+--only "$@"}
