# Sourced: how the scripts here install packages of Debian's.

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Those that can be had; what cannot is said.
install_packages() {
    as_root apt-get --quiet update || true
    local package
    for package in "$@"; do
        as_root env DEBIAN_FRONTEND=noninteractive apt-get --quiet install --yes --no-install-recommends "$package" ||
            echo "$package cannot be installed" >&2
    done
}
