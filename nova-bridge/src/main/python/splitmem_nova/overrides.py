"""How we come between Nova and its libvirt driver, whose private methods gain and lose arguments with each release.

Arguments are read by name only, wherever the installed Nova has them, and everything else is passed on as it came. For servers of
other flavors nothing of ours runs but the question whether they are split.
"""
import functools
import inspect

from nova.virt.libvirt import driver

from splitmem_nova import errors
from splitmem_nova import flavors

STOCK = driver.LibvirtDriver


class Call:
    """One call of a method of Nova: call['instance'] is that argument, however it was passed."""

    def __init__(self, method, receiver, args, kwargs):
        self._method = method
        self._receiver = receiver
        self._bound = inspect.signature(method).bind(receiver, *args, **kwargs)
        self._bound.apply_defaults()

    def __getitem__(self, name):
        return self._bound.arguments[name]

    def stock(self, **replaced):
        """Nova's own method, with some of its arguments replaced."""
        return self.stock_on(self._receiver, **replaced)

    def stock_on(self, receiver, **replaced):
        """Nova's own method on something that stands for the driver."""
        arguments = dict(self._bound.arguments, **replaced)
        bound = inspect.BoundArguments(self._bound.signature, {**arguments, next(iter(arguments)): receiver})
        return self._method(*bound.args, **bound.kwargs)


class View:
    """The driver as one of Nova's methods is to see it: some attributes are others, for this one call."""

    def __init__(self, real, **replaced):
        object.__setattr__(self, '_real', real)
        object.__setattr__(self, '_replaced', replaced)

    def __getattr__(self, name):
        replaced = object.__getattribute__(self, '_replaced')
        return replaced[name] if name in replaced else getattr(object.__getattribute__(self, '_real'), name)

    def __setattr__(self, name, value):
        setattr(self._real, name, value)


def of_split_servers(*arguments):
    """The method is for servers of split flavors, and gets a Call; for all others Nova's runs with the arguments as they came.

    :param arguments: names of what it reads beside the instance
    """
    def decorate(ours):
        name = ours.__name__

        @functools.wraps(ours)
        def method(self, *args, **kwargs):
            original = getattr(STOCK, name)
            call = Call(original, self, args, kwargs)
            if not flavors.is_split(call['instance'].flavor):
                return original(self, *args, **kwargs)
            return ours(self, call)

        method.reads = ('instance', *arguments)
        return method

    return decorate


def found_in(ours):
    """-> {name: method} of the methods of a driver class that stand in the place of Nova's"""
    return {name: method for name, method in vars(ours).items() if hasattr(method, 'reads')}


def check(ours):
    """That the installed Nova has all that we come between: a method that is never called would leave servers out of all books.

    :raises errors.NotSupported: naming what is missing
    """
    for name, method in found_in(ours).items():
        original = getattr(STOCK, name, None)
        if original is None:
            raise errors.NotSupported(reason="this Nova's libvirt driver has no %s; use a splitmem that is made for it" % name)
        missing = set(method.reads) - set(inspect.signature(original).parameters)
        if missing:
            raise errors.NotSupported(reason="%s of this Nova's libvirt driver has no argument %s; use a splitmem that is made for it"
                                      % (name, ', '.join(sorted(missing))))
