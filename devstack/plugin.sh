#!/bin/bash
# The DevStack plugin: VMs of flavors with splitmem:enabled=true can migrate split. In local.conf:
#
#   enable_plugin splitmem https://github.com/splitmem/splitmem
#
# On several hosts set SPLITMEM_PEERS, SPLITMEM_SUB_HOSTS and SPLITMEM_CLUSTER_KEY, see settings. DevStack calls this with the phase as
# its arguments, after it has read settings.

# shellcheck source=lib/splitmem
source "${BASH_SOURCE[0]%/*}/lib/splitmem"

if is_service_enabled splitmemd; then
    case "$1/${2:-}" in
        stack/install)
            echo_summary "Installing splitmem"
            install_splitmem
            ;;
        stack/post-config)
            echo_summary "Configuring splitmem"
            configure_splitmem
            start_splitmem # before nova-compute, which DevStack starts next
            ;;
        unstack/*)
            stop_splitmem
            ;;
        clean/*)
            cleanup_splitmem
            ;;
    esac
fi
