"""Text messages: one interface, two providers, and by default a local one whose messages are read beside the outgoing mail.

Text messages cost money by the piece, and fraudsters earn by having them sent to numbers of their own ("toll fraud"): hence
limits by number, by account and by country, and only countries that the operator named. Source: SEC-06; OWASP, SMS pumping.

The libraries are imported where they are used: most of our processes never see a telephone number.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from django.conf import settings

from glasshouse.accounts import throttle
from glasshouse.kernel import gate
from glasshouse.kernel.errors import InvalidError, UnavailableError
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.mail import api as mail

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KIND = "text"
NUMBER_MOST = 40  # characters as written, spaces included
SENT = frozenset({"user.contact.phone_number", "user.content.private"})  # what a text message carries out


class Sender(Protocol):
    """Hands one text message to a telephone network."""

    def send(self, number: str, text: str) -> None:
        """Send text to an E.164 number. Raises UnavailableError."""


@dataclass(frozen=True, slots=True)
class Twilio:
    """Source: Twilio Programmable Messaging API, Messages resource."""

    account: str
    secret: str
    sender: str
    base: str = "https://api.twilio.com"

    def send(self, number: str, text: str) -> None:
        """As Sender says."""
        url = f"{self.base}/2010-04-01/Accounts/{self.account}/Messages.json"
        _post(url, data={"To": number, "From": self.sender, "Body": text}, auth=(self.account, self.secret))


@dataclass(frozen=True, slots=True)
class Vonage:
    """Source: Vonage Messages API, channel sms."""

    account: str
    secret: str
    sender: str
    base: str = "https://api.nexmo.com"

    def send(self, number: str, text: str) -> None:
        """As Sender says."""
        body = {"message_type": "text", "channel": "sms", "to": number.lstrip("+"), "from": self.sender, "text": text}
        _post(f"{self.base}/v1/messages", json=body, auth=(self.account, self.secret))


class Local:
    """Sends nothing: the message stays in the outgoing queue's table, where the demo's mailbox shows it."""

    def send(self, number: str, text: str) -> None:
        """As Sender says."""


def _post(url: str, *, auth: tuple[str, str], data: dict[str, str] | None = None, json: object = None) -> None:
    import httpx

    try:
        answer = httpx.post(url, data=data, json=json, auth=auth, timeout=15)
    except httpx.HTTPError:
        raise UnavailableError(
            "The text message could not be sent. Try again in a moment, or use another way."
        ) from None
    if answer.status_code >= 300:
        raise UnavailableError("The text message was not taken by the network. Is the number right?")


def sender() -> Sender:
    """The provider that the settings name."""
    name, *arguments = settings.TEXT_PROVIDER.split(":")
    if not name:
        return Local()
    providers: dict[str, type[Twilio] | type[Vonage]] = {"twilio": Twilio, "vonage": Vonage}
    return providers[name](arguments[0], settings.TEXT_SECRET, arguments[1])


def normal_number(number_input: str) -> str:
    """E.164 of a mobile number written with its country code. Raises InvalidError."""
    import phonenumbers

    if len(number_input) > NUMBER_MOST:
        raise InvalidError("Write the number with its country code, like +31 6 12345678.", field="number")
    try:
        number = phonenumbers.parse(number_input, None)
    except phonenumbers.NumberParseException:
        raise InvalidError("Write the number with its country code, like +31 6 12345678.", field="number") from None
    mobile = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in mobile:
        raise InvalidError("This is not a mobile number that can take text messages.", field="number")
    if country_of(number_input) not in settings.TEXT_COUNTRIES:
        raise InvalidError(
            "We cannot send text messages to this country. Please use an app or a passkey.", field="number"
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def country_of(number: str) -> str:
    """Two-letter code of the number's country."""
    import phonenumbers

    return phonenumbers.region_code_for_number(phonenumbers.parse(number, None)) or "??"


def masked(number: str) -> str:
    """The number with only its country and last two digits: +31 ••••• 78."""
    import phonenumbers

    return f"+{phonenumbers.parse(number, None).country_code} ••••• {number[-2:]}"


def count(account: str, number: str) -> None:
    """Count a text message that is to be sent, before its transaction, which a failure undoes. Raises ThrottledError."""
    throttle.take("text-number", number, most=5, window=HOUR)
    throttle.take("text-account", account, most=10, window=DAY)
    throttle.take("text-country", country_of(number), most=settings.TEXTS_A_COUNTRY_A_DAY, window=DAY)


def send(key_owner: KeyOwnerId, number: str, text: str) -> None:
    """Send a text message that was counted, in the caller's transaction. Raises UnavailableError, UncoveredError."""
    mail.keep_sent(key_owner, KIND, number, body=text)
    if settings.TEXT_PROVIDER:
        gate.leave(gate.Egress(f"text:{settings.TEXT_PROVIDER.partition(':')[0]}", key_owner, SENT))
    sender().send(number, text)
