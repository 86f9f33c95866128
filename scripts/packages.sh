# Sourced by the scripts: installs Debian packages that are missing, and says so; builds for use.
#
#   need PACKAGE…
#   release_build PRODUCT

need() {
    local package missing=() as_root=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    command -v apt-get >/dev/null || {
        echo "these packages are missing, and there is no apt-get to install them with: ${missing[*]}" >&2
        return 1
    }
    echo "installing ${missing[*]}" >&2
    [[ $(id -u) -eq 0 ]] || as_root=(sudo)
    "${as_root[@]}" apt-get -qq update >&2
    # Servers among them are started by the scripts, with configurations of their own, and by nobody else.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -qq install -y --no-install-recommends "${missing[@]}" >&2
}

# What building and running needs.
need_to_build() {
    command -v swift >/dev/null || {
        echo "Swift 6.2 or later is needed: see https://www.swift.org/install/linux" >&2
        return 1
    }
    need libcurl4-openssl-dev libexpat1-dev libpq-dev libmagic-dev libssl-dev pkg-config
}

# The one release build that is run, measured and packaged, from the top of the checkout. Swift's libraries are in it, and it
# names no folder of the machine that it was built on, so that it can go to another. Without colours: with them on a terminal
# and without them elsewhere all would be built anew each time.
release_flags=(
    -c release --no-color-diagnostics --static-swift-stdlib --disable-local-rpath
    -Xcc "-ffile-prefix-map=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/="
)
release_build() { swift build "${release_flags[@]}" --product "$1"; }
