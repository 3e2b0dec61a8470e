"""Nova's soft reboot: it shuts the guest down and launches it again by itself."""
from splitmem_nova import overrides


class RebootedGuest:
    """A guest of Nova whose memory is booked before it is launched; everything else is the guest's own."""

    def __init__(self, guest, before_launch):
        self._guest = guest
        self._before_launch = before_launch

    def __getattr__(self, name):
        return getattr(self._guest, name)

    def launch(self, *args, **kwargs):
        self._before_launch()
        return self._guest.launch(*args, **kwargs)


def view(driver, place):
    """The driver, with guests that are placed before they are launched.

    :param place: of an instance; may raise
    """
    def get_guest(instance):
        return RebootedGuest(driver._host.get_guest(instance), lambda: place(instance))

    return overrides.View(driver, _host=overrides.View(driver._host, get_guest=get_guest))
