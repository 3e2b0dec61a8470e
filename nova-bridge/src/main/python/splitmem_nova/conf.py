"""The section [splitmem] of nova.conf, on compute hosts."""
from keystoneauth1 import loading as ks_loading
from oslo_config import cfg

GROUP = cfg.OptGroup('splitmem', title='Split memory', help="""
How nova-compute asks for split migrations of servers whose flavor has the extra spec ``splitmem:enabled=true``. Servers of other
flavors are not concerned by any of these options.
""")

OPTIONS = [
    cfg.StrOpt('client', default='bridge', choices=[
        ('bridge', 'nova-bridge, which chooses sub-hosts and books their memory in Placement'),
        ('daemon', "this host's splitmemd alone, with the sub-hosts of ``sub_hosts``: nothing is booked"),
    ], help='What plans, starts and follows split migrations.'),
    cfg.ListOpt('sub_hosts', default=[], item_type=cfg.types.HostAddress(), help="""
Sub-hosts for every migration, by their names among splitmemd's peers. A migration's source and destination are left out of them.

Related options:

* ``client``: only for ``daemon``; nova-bridge chooses sub-hosts by itself.
"""),
    cfg.StrOpt('socket', default='/run/splitmem/splitmemd.sock', help="""
Unix socket of this host's splitmemd (``control.socket`` in splitmem.conf). The user that nova-compute runs as has to be able to
open it. With ``client = bridge`` it is asked for progress, and told to abort, while the bridge is away.
"""),
    cfg.StrOpt('prepare_command', default='splitmem prepare', help="""
Command that reads a domain's XML and writes it split-ready: words separated by blanks, no shell. If splitmemd's paths on this host
are not the default ones, add ``--shim-library``, ``--shim-socket`` and ``--qmp-directory`` (see ``splitmem prepare --help``).
"""),
    cfg.BoolOpt('allow_unencrypted_memory', default=False, help="""
Whether nova-compute may start with ``[libvirt] live_migration_with_native_tls``, which encrypts the memory of other servers when they
migrate, although splitmemd sends that of split servers unencrypted: only on a network that is trusted.
"""),
    cfg.FloatOpt('poll_interval', default=0.5, min=0.05, max=10, help="""
Seconds between two questions for a migration's progress.
"""),
    cfg.IntOpt('request_timeout', default=90, min=1, max=600, help="""
Seconds for one request to the bridge that plans, books or starts. The driver sends the bridge this limit less 5 s; when that time is
over, the bridge gives up and undoes what it began. The driver tries idempotent requests up to three times.
"""),
    cfg.IntOpt('poll_timeout', default=10, min=1, max=300, help="""
Seconds for one question to the bridge for a migration's progress, before splitmemd is asked instead; and for one request to
splitmemd, which is on this host.
"""),
    cfg.IntOpt('patience', default=60, min=0, max=3600, help="""
Seconds for which neither bridge nor splitmemd need to answer before a migration is given up. They may be restarted meanwhile.
"""),
    cfg.IntOpt('settle_timeout', default=300, min=0, max=86400, help="""
Seconds to wait, after the server runs at its destination, for the last pages to leave this host. Nova shows the migration as
completed only then: until then this host must stay up. After the time a warning is logged, and Nova goes on.
"""),
]


def register(conf):
    """Adds the options to conf. May be called again."""
    conf.register_group(GROUP)
    conf.register_opts(OPTIONS, group=GROUP)
    ks_loading.register_auth_conf_options(conf, GROUP.name)
    ks_loading.register_session_conf_options(conf, GROUP.name)
    ks_loading.register_adapter_conf_options(conf, GROUP.name, include_deprecated=False)
    conf.set_default('service_type', 'split-migration', group=GROUP.name)
    conf.set_default('valid_interfaces', ['internal', 'public'], group=GROUP.name)


def list_opts():
    """For oslo-config-generator (namespace splitmem.nova)."""
    keystone = (ks_loading.get_auth_common_conf_options()
                + ks_loading.get_session_conf_options()
                + ks_loading.get_adapter_conf_options(include_deprecated=False))
    return [(GROUP, OPTIONS + keystone)]
