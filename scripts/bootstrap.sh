# Sourced by ./run and ./test: finds a Python, brings .venv up to date, sets ROOT and VENV. EXTRAS names the extras needed.
# POSIX sh. Says what it does on stderr, asks nothing, returns non-zero with a sentence when it cannot go on.

ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
VENV=$ROOT/.venv

python_fits() { # the versions that constraints.txt is made for
    "$1" -I -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' </dev/null >/dev/null 2>&1
}

find_python() {
    for candidate in "$VENV/bin/python" python3.11 python3.12 python3 python /usr/bin/python3.11 /usr/bin/python3.12; do
        if python_fits "$candidate"; then
            PYTHON=$candidate
            return 0
        fi
    done
    return 1
}

if ! find_python && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    for version in 3.11 3.12; do
        echo "meadow: installing python$version with apt-get" >&2
        apt-get update -qq </dev/null >&2
        if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            "python$version" "python$version-venv" </dev/null >&2 && find_python; then
            break
        fi
    done
fi
if ! find_python; then
    echo "meadow: Python 3.11 or 3.12 is needed and none was found." >&2
    echo "  Debian, Ubuntu:  sudo apt-get install python3.11 python3.11-venv   (or python3.12 python3.12-venv)" >&2
    echo "  Fedora:          sudo dnf install python3.11" >&2
    echo "  macOS:           brew install python@3.11" >&2
    exit 1
fi

"$PYTHON" -I "$ROOT/scripts/bootstrap.py" ${EXTRAS:-} </dev/null >&2 || exit $?
