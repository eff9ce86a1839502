"""What is wrong on a person's own pages and on those of mailed links: texts of rules that know nothing of languages.

Marked here for the catalogues; `error_texts.py` says them in the language of the page.
"""

from django.utils.translation import gettext_noop

# Signing in, passwords, second factors.
gettext_noop("A password has at most 256 characters.")
gettext_noop("Many people are signing in at this moment. Try again in a moment.")
gettext_noop("Please write 1 to 60 ordinary characters here.")
gettext_noop("Setting up took too long. Please begin anew.")
gettext_noop("That is not your current password.")
gettext_noop("That took too long, or was done already. Please sign in again.")
gettext_noop("The text message could not be sent. Try again in a moment, or use another way.")
gettext_noop("The text message was not taken by the network. Is the number right?")
gettext_noop("This account has no number for text messages.")
gettext_noop("This is not a mobile number that can take text messages.")
gettext_noop("This passkey is not one of yours.")
gettext_noop(
    "This password is known from breaches, or made of such ones, and is guessed first. Write three or four words instead."
)
gettext_noop("We cannot send text messages to this country. Please use an app or a passkey.")
gettext_noop("Write the number with its country code, like +31 6 12345678.")
# Links, invitations, documents.
gettext_noop("Staff accounts belong to no customer.")
gettext_noop("The documents have changed meanwhile. Please look at them once more.")
gettext_noop("This address has an account. Sign in with it first, then open the link again.")
gettext_noop("This invitation is for another address. Use the address that it was sent to, or ask for one of your own.")
gettext_noop("This invitation is used up, taken back or too old. Ask whoever invited you for a new one.")
gettext_noop(
    "This link belongs to another account. Sign in with the account that asked for it, then open the link again. "
    "If you did not ask for it, you need do nothing."
)
gettext_noop("This link belongs to no subscription.")
gettext_noop("This link has been used, or is older than 24 hours. Ask for a new one on the list's page.")
gettext_noop("This link is used up or too old. Ask for a new one.")
gettext_noop("This link is used up, or the reset has happened.")
gettext_noop("This link is used up: nothing of it is held any more.")
gettext_noop("Tick the box to go on, or choose “I do not accept” below.")
# Choices and data.
gettext_noop("Choose a purpose from the list.")
gettext_noop("Choose one of the languages.")
gettext_noop("Choose one of the themes.")
gettext_noop("Choose the reason from the list.")
gettext_noop("For this, confirm your address once more: have a new link mailed to you.")
gettext_noop("No agent can fetch anything for this request.")
gettext_noop("Nothing of yours is restricted.")
gettext_noop("Say why, in your own words: this objection is judged by a person.")
gettext_noop("The use of it is restricted already.")
gettext_noop("The use of your data is restricted already.")
gettext_noop("This export is no longer stored. Make a new one.")
gettext_noop("This page is of another request.")
