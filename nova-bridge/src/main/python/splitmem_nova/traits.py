"""Traits that a server asks of hosts: they hold for the hosts that keep its pages, too."""

PREFIX = 'trait:'


def asked(instance):
    """-> the flavor's trait: extra specs, and those that the server's image requires; only Nova knows the image as it was at boot."""
    found = {name: value for name, value in (instance.flavor.extra_specs or {}).items() if name.startswith(PREFIX)}
    for name in instance.image_meta.properties.get('traits_required', []):
        found[PREFIX + name] = 'required'
    return found
