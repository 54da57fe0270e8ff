#!/usr/bin/env bash
# Shell functions that `run` and `test` share: what the build and the tests need beyond a Rust toolchain.
#
# Sourced from the root of the repository. Every `ensure_*` function is silent and quick when nothing is missing. What
# must not be installed system-wide is unpacked into ${peers}: Debian's etcd-server would start a service.
set -euo pipefail

target_dir="${CARGO_TARGET_DIR:-${PWD}/target}"
[[ ${target_dir} == /* ]] || target_dir="${PWD}/${target_dir}"
peers="${target_dir}/peers"
python="${target_dir}/python"

step() { printf '==> %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }

# die MESSAGE [HINT…]
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    (($# == 0)) || printf '  hint: %s\n' "$@" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# --- Debian packages -------------------------------------------------------------------------------------------------

can_be_root() { ((EUID == 0)) || { have sudo && sudo -n true 2>/dev/null; }; }

as_root() {
    if ((EUID == 0)); then
        DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# Ends the script where there is no apt: need_apt WHAT PACKAGE…
need_apt() {
    have apt-get && have dpkg && return
    local what="$1"
    shift
    die "${what} is missing and this machine has no apt-get to install it with" \
        "install it so that it is on PATH (the Debian packages are: $*)"
}

# with_package_lists COMMAND…
# Where the command fails, reads apt's package lists anew, for they may be empty or old, and tries once more.
with_package_lists() {
    "$@" && return
    can_be_root || die "failed: $*" "run 'sudo apt-get update', then this again"
    note "apt-get update, for the package lists may be empty or old"
    as_root apt-get update -qq >&2 || die "apt-get update failed" "is the network there?"
    "$@" || die "failed: $*"
}

install_packages() {
    note "apt-get install $*"
    with_package_lists as_root apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "$@" >&2
}

# Unpacks packages, and those they depend on that this machine lacks, into ${peers}. Needs no root.
unpack_packages() {
    local work deb
    mkdir -p "${peers}"
    work="$(mktemp -d "${peers}/download.XXXXXX")"
    note "unpacking $* into ${peers}"
    with_package_lists download_packages "${work}" "$@"
    for deb in "${work}"/*.deb; do
        dpkg -x "${deb}" "${peers}"
    done
    rm -rf "${work}"
}

# download_packages FOLDER PACKAGE…
download_packages() {
    local folder="$1" plan
    shift
    # A simulated installation lists what is lacking. What was asked for is fetched even where it is installed: it is
    # not on PATH.
    plan="$(apt-get install -s --no-install-recommends "$@")" || return
    local -a names options=(-qq)
    mapfile -t names < <(awk '$1 == "Inst" { print $2 }' <<<"${plan}" | cat - <(printf '%s\n' "$@") | sort -u)
    # apt's own user may not write here, which root need not be warned of.
    ((EUID != 0)) || options+=(-o APT::Sandbox::User=root)
    (cd "${folder}" && apt-get download "${options[@]}" "${names[@]}" >&2)
}

# Puts the unpacked programs last on PATH, so that those of the machine come first.
peers_on_path() {
    case ":${PATH}:" in
        *":${peers}/usr/bin:"*) ;;
        *) export PATH="${PATH}:${peers}/usr/bin" ;;
    esac
}

# --- What is needed --------------------------------------------------------------------------------------------------

ensure_rust() {
    have cargo || die "cargo is missing" "install Rust from https://rustup.rs, then open a new shell"
    have cc && return
    need_apt "a C compiler" gcc libc6-dev
    can_be_root || die "a C compiler is missing" "run 'sudo apt-get install gcc libc6-dev', then this again"
    install_packages gcc libc6-dev
}

ensure_component() {
    local command="$1" component="$2"
    cargo "${command}" --version >/dev/null 2>&1 ||
        die "cargo ${command} is missing" "run 'rustup component add ${component}', then this again"
}

ensure_nextest() {
    cargo nextest --version >/dev/null 2>&1 && return
    step "installing cargo-nextest (some minutes, once)"
    cargo install --locked cargo-nextest
}

# protoc_works PROTOC: whether it starts and finds the definitions that come with it, which Debian packages apart.
protoc_works() {
    local folder works=true
    folder="$(mktemp -d)"
    printf 'syntax = "proto3";\nimport "google/protobuf/descriptor.proto";\n' >"${folder}/probe.proto"
    "$1" -I "${folder}" -o /dev/null "${folder}/probe.proto" 2>/dev/null || works=false
    rm -rf "${folder}"
    [[ ${works} == true ]]
}

# protoc compiles the API's .proto files during the build.
ensure_protoc() {
    [[ -z ${PROTOC:-} ]] || return 0
    have protoc && protoc_works protoc && return
    local wrapper="${peers}/bin/protoc"
    if [[ ! -x ${wrapper} ]]; then
        step "installing protoc"
        need_apt protoc protobuf-compiler libprotobuf-dev
        if can_be_root; then
            install_packages protobuf-compiler libprotobuf-dev
            hash -r
            have protoc && protoc_works protoc && return
        fi
        unpack_packages protobuf-compiler libprotobuf-dev
        write_protoc_wrapper "${wrapper}"
    fi
    export PROTOC="${wrapper}"
    note "protoc is unpacked; to build by hand: export PROTOC=${wrapper}"
}

# The unpacked protoc finds the libraries unpacked with it only when told where they are.
write_protoc_wrapper() {
    local wrapper="$1" library libraries=""
    for library in "${peers}"/usr/lib/*/libproto*.so.*; do
        # None are there where the machine already has them.
        [[ ! -e ${library} ]] || libraries="${library%/*}"
    done
    mkdir -p "${wrapper%/*}"
    {
        printf '#!/usr/bin/env bash\nset -euo pipefail\n'
        # shellcheck disable=SC2016 # expanded by the wrapper, not here
        [[ -z ${libraries} ]] ||
            printf 'export LD_LIBRARY_PATH=%q${LD_LIBRARY_PATH:+:${LD_LIBRARY_PATH}}\n' "${libraries}"
        printf 'exec %q "$@"\n' "${peers}/usr/bin/protoc"
    } >"${wrapper}.new"
    chmod +x "${wrapper}.new"
    protoc_works "${wrapper}.new" || die "the unpacked protoc does not work"
    mv "${wrapper}.new" "${wrapper}"
}

# MariaDB's server, clients and backup, which databases are made of. Debian's mariadb-server is not among the packages: it
# would make a database of the machine's and start a service. What is installed already is left as it is.
ensure_mariadb() {
    local -a missing=()
    # It is in a directory that only root has on PATH.
    have mariadbd || [[ -x /usr/sbin/mariadbd ]] || missing+=(mariadb-server-core)
    have mariadb-binlog || missing+=(mariadb-client)
    have mariadb-backup || missing+=(mariadb-backup)
    ((${#missing[@]} > 0)) || return 0
    step "installing MariaDB"
    need_apt "MariaDB (mariadbd, mariadb, mariadb-backup)" "${missing[@]}"
    # Containers look for programs where the machine has them, so unpacking them elsewhere would not do.
    can_be_root || die "MariaDB is missing" "run 'sudo apt-get install ${missing[*]}', then this again"
    install_packages "${missing[@]}"
    hash -r
    local program
    for program in mariadb-install-db mariadb mariadb-binlog mariadb-backup mbstream; do
        have "${program}" || die "${missing[*]} did not bring ${program}"
    done
}

# The load that rehearsals and benchmarks put on databases.
ensure_sysbench() {
    have sysbench && return
    step "installing sysbench"
    need_apt "sysbench" sysbench
    can_be_root || die "sysbench is missing" "run 'sudo apt-get install sysbench', then this again"
    install_packages sysbench
    hash -r
}

# What holds up an etcd for tests, as a slow disk does.
ensure_strace() {
    have strace && return
    step "installing strace, which tests use"
    need_apt "strace" strace
    can_be_root || die "strace is missing" "run 'sudo apt-get install strace', then this again"
    install_packages strace
    hash -r
}

# The real etcd and etcdctl, which the tests compare the store with and which the doctor looks at, as it does at Prometheus;
# openssl, with which they make certificates; and libfaketime, with which they run programs whose clock is ahead.
ensure_peers() {
    local -a missing
    mapfile -t missing < <(missing_peers)
    ((${#missing[@]} > 0)) || return 0
    peers_on_path
    mapfile -t missing < <(missing_peers)
    ((${#missing[@]} > 0)) || return 0
    step "unpacking ${missing[*]}, which tests use"
    need_apt "etcd, etcdctl, Prometheus, openssl or libfaketime" etcd-server etcd-client prometheus openssl libfaketime
    unpack_packages "${missing[@]}"
    hash -r
    mapfile -t missing < <(missing_peers)
    ((${#missing[@]} == 0)) || die "no package brought what ${missing[*]} should have"
}

# The packages of what is neither on this machine nor unpacked.
missing_peers() {
    have etcd || printf 'etcd-server\n'
    have etcdctl || printf 'etcd-client\n'
    have openssl || printf 'openssl\n'
    { have prometheus && have promtool; } || printf 'prometheus\n'
    have_faketime || printf 'libfaketime\n'
}

# It is a library that is loaded before others: it need not be installed.
have_faketime() {
    local library
    for library in {,"${peers}"}/usr/lib/*/faketime/libfaketime.so.1; do
        [[ ! -e ${library} ]] || return 0
    done
    return 1
}

# Python's Kubernetes client in an environment of its own, for the tests that use it. Where it cannot be had, which takes
# Python and a network, those tests are skipped: STANCHION_PYTHON is then empty.
ensure_python_client() {
    [[ -z ${STANCHION_PYTHON+set} ]] || return 0
    local wanted="kubernetes==36.0.2" marker="${python}/installed"
    if [[ ! -x ${python}/bin/python || $(cat "${marker}" 2>/dev/null) != "${wanted}" ]]; then
        step "installing Python's ${wanted%%=*} into ${python}"
        if ! make_python_environment || ! "${python}/bin/python" -m pip install -q "${wanted}" >&2; then
            note "it cannot be installed: the tests with Python's client are skipped"
            export STANCHION_PYTHON=""
            return 0
        fi
        printf '%s\n' "${wanted}" >"${marker}"
    fi
    export STANCHION_PYTHON="${python}/bin/python"
}

make_python_environment() {
    rm -rf "${python}"
    python3 -m venv "${python}" >/dev/null 2>&1 && return
    # Debian packages the module apart from the interpreter.
    have apt-get && have dpkg && can_be_root || return
    rm -rf "${python}"
    # In a shell of its own, for a failure is not the end here.
    (install_packages python3-venv) || return
    hash -r
    python3 -m venv "${python}" >&2
}

# etcdctl alone, for a person to try the store with: a client starts no service, so it may be installed.
ensure_etcdctl() {
    have etcdctl && return
    if [[ ! -x ${peers}/usr/bin/etcdctl ]]; then
        step "installing etcdctl"
        need_apt etcdctl etcd-client
        if can_be_root; then
            install_packages etcd-client
            hash -r
            have etcdctl && return
        fi
        unpack_packages etcd-client
    fi
    peers_on_path
}

# kubectl_serves KUBECTL: whether it is of a version whose requests the tests expect, 1.30 or later.
kubectl_serves() {
    local minor
    minor="$("$1" version --client 2>/dev/null | sed -n 's/^Client Version: v1\.\([0-9]*\).*/\1/p')"
    [[ -n ${minor} ]] && ((minor >= 30))
}

# kubectl, with which people and the tests use the API server. The machine's own if it is recent enough; else the one of
# Debian 13, which is a single static program.
ensure_kubectl() {
    have kubectl && kubectl_serves kubectl && return
    local unpacked="${peers}/usr/bin/kubectl"
    if [[ ! -x ${unpacked} ]]; then
        step "unpacking kubectl"
        need_apt "kubectl 1.30 or later" "kubectl of Debian 13"
        unpack_from_suite trixie kubectl
        kubectl_serves "${unpacked}" || die "the unpacked kubectl is older than 1.30" "install a newer one on PATH"
    fi
    # It comes before an older one of the machine.
    mkdir -p "${peers}/kubectl"
    ln -sf "${unpacked}" "${peers}/kubectl/kubectl"
    export PATH="${peers}/kubectl:${PATH}"
    hash -r
}

# unpack_from_suite SUITE PACKAGE: from a later release of Debian than the machine's, without touching apt's own lists.
# For programs that need nothing of that release.
unpack_from_suite() {
    local suite="$1" package="$2" work
    mkdir -p "${peers}"
    work="$(mktemp -d "${peers}/suite.XXXXXX")"
    note "unpacking ${package} of Debian ${suite} into ${peers}"
    mkdir -p "${work}/lists/partial" "${work}/archives/partial"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian %s main\n' \
        "${suite}" >"${work}/sources.list"
    local -a options=(
        -qq
        -o "Dir::Etc::sourcelist=${work}/sources.list"
        -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=${work}/lists"
        -o "Dir::Cache::archives=${work}/archives"
        -o "Dir::Cache::pkgcache="
        -o "Dir::Cache::srcpkgcache="
    )
    ((EUID != 0)) || options+=(-o APT::Sandbox::User=root)
    (cd "${work}" && apt-get "${options[@]}" update >&2 && apt-get "${options[@]}" download "${package}/${suite}" >&2) ||
        die "${package} of Debian ${suite} cannot be fetched" "is the network there?"
    dpkg -x "${work}/${package}"_*.deb "${peers}"
    rm -rf "${work}"
}
