"""What users have decided about certificates with errors, so that they are not asked twice."""

from __future__ import annotations

import enum
import os
import time
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QDateTime, QObject, QSettings
from shiboken6 import isValid

from qtsecure.engine.verification import IssueCode
from qtsecure.errors import SecureError
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.qt_objects.thread_guard import confinedToThread
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.trust.decision_store import DecisionStore
from qtsecure.net.trust.trust_decision import ErrorIdentity, Place, TrustDecision, errorIdentity, placeOf

__all__ = ["TrustDecisions"]


@confinedToThread(harmless=())
class TrustDecisions(QObject):
    """Remembers that a user has accepted exactly these errors of this certificate of this host and port.

    Connect :meth:`answer` to ``acceptCertificate`` of a socket, peer or server, before the slot that
    asks the user; that one asks only while ``request.isPending()``, and calls :meth:`remember` after a
    yes. Another certificate, another host or port, or an error that was not there before: the user is
    asked again. What no user can judge is never accepted, whatever is stored: revoked, forged or weak
    certificates (``SslError.isOverridable``); certificates that are not pinned do not even come here.

    Belongs to one thread, that of its sockets; several objects may share one file.

    Args:
        settings: Where permanent decisions are kept: a ``QSettings``, or the path of a file for them.
            None stands for the settings of the application, which must have an organization name.
        parent: The Qt parent.
        clock: Gives the time in seconds since 1970, for decisions that expire.

    Raises:
        SecureError: ``settings`` is None and the application has no organization name.
        TypeError: ``settings`` is of another type.
    """

    class Lifetime(enum.Enum):
        """How long a decision holds."""

        Once = "Once"
        """For the connection that asks; if it has gone, for the next one to the same place."""
        Session = "Session"
        """As long as the TrustDecisions object lives."""
        Forever = "Forever"
        """In the settings, until it is revoked or expires."""

    #: changed(): a decision was added, used up or revoked.
    changed = Signal()
    #: errorOccurred(error): the settings could not be written; the decision (a SecureError) holds for the session.
    errorOccurred = Signal(object)

    def __init__(
        self,
        settings: QSettings | str | os.PathLike[str] | None = None,
        parent: QObject | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(parent)
        self._store = DecisionStore(_settingsFrom(settings))
        self._error: SecureError | None = None
        self._clock = clock
        self._forSession: dict[Place, TrustDecision] = {}
        self._forOnce: dict[Place, TrustDecision] = {}

    def error(self) -> SecureError | None:
        """What is or was wrong with the settings, and where a copy of a damaged file is; None if all is well."""
        return self._error or self._store.error

    def answer(self, request: CertificateRequest | QObject, requestToServer: CertificateRequest | None = None) -> bool:
        """Accept a request if the user has accepted the same before; a slot for ``acceptCertificate``.

        Otherwise the request stays as it is, for the next slot. It never rejects.

        Args:
            request: The request; with a server's signal the socket, which is not looked at.
            requestToServer: With a server's signal, the request.

        Returns:
            Whether the request was accepted.
        """
        asked = _requestFrom(request if requestToServer is None else requestToServer)
        place = placeOf(asked)
        if place is None or not asked.isPending() or not _isMatterOfOpinion(asked):
            return False
        errors, now = _identities(asked), self._clock()
        once = self._forOnce.pop(place, None)
        known = (once, self._forSession.get(place), self._store.find(place))
        accepted = any(decision is not None and decision.covers(errors, now) for decision in known)
        if once is not None:
            self.changed.emit()
        if accepted and isValid(asked):
            asked.accept()
        return accepted

    def remember(
        self, request: CertificateRequest, lifetime: TrustDecisions.Lifetime, *, until: QDateTime | None = None
    ) -> bool:
        """Accept a request, and everything like it from now on.

        Args:
            request: What the user was asked. If its connection has gone meanwhile, connect again:
                then :meth:`answer` says yes.
            lifetime: For how long.
            until: With ``Forever``: when to ask again all the same.

        Returns:
            Whether it was accepted and is remembered; False for what no user can judge, and then
            nothing happens.

        Raises:
            TypeError: An argument is of another type.
            ValueError: ``until`` is no valid time, or does not go with ``lifetime``.
        """
        request = _requestFrom(request)
        if not isinstance(lifetime, TrustDecisions.Lifetime):
            raise TypeError(f"lifetime must be a TrustDecisions.Lifetime, not {type(lifetime).__name__}.")
        expiry = _expiryFrom(until, lifetime)
        place = placeOf(request)
        if place is None or not request.errors() or not _isMatterOfOpinion(request):
            return False
        subject = request.certificateChain()[0].subjectDisplayName()
        forever = lifetime is TrustDecisions.Lifetime.Forever
        decision = TrustDecision(*place, subject, _identities(request), expiry, forever, self._clock())
        self._keep(decision, lifetime, request.isPending())
        if isValid(request):
            request.accept()
        return True

    def trustedBefore(self, request: CertificateRequest) -> TrustDecision | None:
        """Return which other certificate of the same host and port was accepted last; one that has expired counts.

        To a user that is news: the server has got a new certificate, or somebody is pretending to be it. There is
        none if the last one that was accepted is the certificate of the request, and none for clients of a server,
        which have no place.

        Raises:
            TypeError: ``request`` is of another type.
        """
        place = placeOf(_requestFrom(request))
        if place is None or not place[0]:
            return None
        known = [each for each in self._all() if (each.host, each.port) == place[:2]]
        # Where the order is not known, the other certificate is told.
        last = max(known, key=lambda each: (each.decidedAt or 0, each.fingerprint != place[2]), default=None)
        return last if last is not None and last.fingerprint != place[2] else None

    def decisions(self) -> list[TrustDecision]:
        """Return all that is remembered and has not expired, for a list in which the user can revoke."""
        now = self._clock()
        return [each for each in self._all() if each.expiry is None or now < each.expiry]

    def _all(self) -> list[TrustDecision]:
        return [*self._store.decisions(), *self._forSession.values(), *self._forOnce.values()]

    def revoke(self, decision: TrustDecision) -> None:
        """Forget a decision: the next connection asks again. Those that stand are not touched.

        Raises:
            SecureError: The settings cannot be written.
            TypeError: ``decision`` is of another type.
        """
        if not isinstance(decision, TrustDecision):
            raise TypeError(f"decision must be one of decisions(), not {type(decision).__name__}.")
        place = decision.place
        self._forSession.pop(place, None)
        self._forOnce.pop(place, None)
        try:
            if self._store.find(place) is not None:
                self._store.remove(place)
        finally:
            self.changed.emit()

    def revokeAll(self) -> None:
        """Forget everything; what is only in memory also when the settings cannot be written.

        Raises:
            SecureError: The settings cannot be written.
        """
        self._forSession.clear()
        self._forOnce.clear()
        try:
            for decision in self._store.decisions():
                self._store.remove(decision.place)
        finally:
            self.changed.emit()

    def _keep(self, decision: TrustDecision, lifetime: TrustDecisions.Lifetime, pending: bool) -> None:
        if lifetime is TrustDecisions.Lifetime.Once:
            if pending:
                return  # accepting the request is all
            self._forOnce[decision.place] = decision
        elif lifetime is TrustDecisions.Lifetime.Session:
            self._forSession[decision.place] = decision
        else:
            try:
                self._store.write(decision)
            except SecureError as error:
                self._error = error
                self._forSession[decision.place] = decision
                self.errorOccurred.emit(error)
        if isValid(self):
            self.changed.emit()


def _settingsFrom(settings: QSettings | str | os.PathLike[str] | None) -> QSettings:
    if isinstance(settings, QSettings):
        return settings
    if isinstance(settings, (str, os.PathLike)):
        return QSettings(os.path.abspath(settings), QSettings.Format.IniFormat)
    if settings is not None:
        raise TypeError(f"settings must be a QSettings or a path, not {type(settings).__name__}.")
    if not QCoreApplication.organizationName() and not QCoreApplication.organizationDomain():
        raise SecureError(
            SecureError.Code.InvalidArgument,
            "The application has no settings, because it has no organization name; call "
            "QCoreApplication.setOrganizationName first, or give TrustDecisions a file.",
        )
    return QSettings()


def _requestFrom(request: object) -> CertificateRequest:
    if not isinstance(request, CertificateRequest):
        raise TypeError(f"request must be a CertificateRequest, not {type(request).__name__}.")
    return request


def _expiryFrom(until: QDateTime | None, lifetime: TrustDecisions.Lifetime) -> float | None:
    if until is None:
        return None
    if not isinstance(until, QDateTime):
        raise TypeError(f"until must be a QDateTime, not {type(until).__name__}.")
    if not until.isValid():
        raise ValueError("until must be a valid time.")
    if lifetime is not TrustDecisions.Lifetime.Forever:
        raise ValueError(f"until must not be given with {lifetime.name}, which has an end of its own.")
    return until.toMSecsSinceEpoch() / 1000


def _isMatterOfOpinion(request: CertificateRequest) -> bool:
    """Whether a user can judge; a server that has no name has nothing that a decision could be for."""
    return all(
        error.isOverridable() and error.engineCode() != IssueCode.INVALID_HOST_NAME for error in request.errors()
    )


def _identities(request: CertificateRequest) -> frozenset[ErrorIdentity]:
    return frozenset(map(errorIdentity, request.errors()))
