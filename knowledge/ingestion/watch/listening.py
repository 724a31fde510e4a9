"""Listening for changes of the paths of a watch, as well as the system lets us."""

from __future__ import annotations

import time

from knowledge.errors import KnowledgeError
from knowledge.ingestion.request import Notify
from knowledge.ingestion.watch.notifications import Changes, Notifications
from knowledge.ingestion.watch.roots import Roots

AGAIN = 60.0  # seconds after which a system that could not report changes is asked again
SOON = 0.5  # the same where a path was just going


class Listening:
    """Notifications that start again when the roots change.

    Parameters
    ----------
    notify:
        Called, once, when the system cannot report changes.
    """

    def __init__(self, roots: Roots, notify: Notify) -> None:
        self._roots = roots
        self._notify = notify
        self._notifications: Notifications | None = None
        self._notified = False
        self._again_at = 0.0
        self.deaf = False
        """True when changes are not reported."""

    def begin(self) -> None:
        """Listen to the roots that are there; what happened before is not reported."""
        self.close()
        roots = self._roots
        try:
            self._notifications = Notifications(roots.folders(), roots.files(), roots.keeps)
            self.deaf = self._notified = False
        except KnowledgeError as error:
            complete = all(root.exists for root in roots.all if root.is_there)
            if complete and not self._notified:
                self._notify(f"{error}; everything is looked at now and then instead")
                self._notified = True
            self.deaf = True
            self._again_at = time.monotonic() + (AGAIN if complete else SOON)

    def try_again(self) -> bool:
        """Start again where that failed, when it is time; return true if it works now."""
        if not self.deaf or time.monotonic() < self._again_at:
            return False
        self.begin()
        return not self.deaf

    def close(self) -> None:
        """Stop listening."""
        if self._notifications is not None:
            self._notifications.close()
            self._notifications = None

    def wait(self, seconds: float) -> Changes | None:
        """Return what changed, empty when nothing did in time; ``None`` when that is unknown."""
        if self._notifications is None:
            time.sleep(seconds)
            return set()
        try:
            return self._notifications.wait(seconds)
        except KnowledgeError:
            return None
