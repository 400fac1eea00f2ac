"""What can go wrong with a stick or an installation: a branch of the tree in soro_edge/errors.py.

    StickError                     exit 10
    ├── NoStick                        no manifest there
    ├── StickUnreadable                it was pulled, or a place on it cannot be read
    ├── StickDamaged                   a file is not the one that the manifest names
    ├── BadStick                       the manifest is nonsense, or wants what it must not
    ├── BadSignature                   unsigned, or changed after it was signed
    ├── UntrustedStick                 signed by another key than the installed version trusts
    ├── OlderStick                     older than what was installed here before
    ├── WrongComputer                  no program for this system on it
    ├── NoModelFits                    no model on it fits this computer's memory
    ├── NoRoom                         too little space on the disk
    ├── PathTooLong                    Windows could not open what would be installed
    ├── StickReadOnly                  portable mode could keep nothing
    ├── StickNotWritable               `soro usb make` can write nothing there
    ├── PageNotWritten                 the page about a computer cannot be written there
    ├── InstallationBusy               another installation is under way
    ├── SelfTestFailed                 the new version gave no answer; the old one stays
    ├── NotInstalled                   nothing is installed there
    ├── InstallationDamaged            nothing tells which version ran and whose sticks are trusted
    ├── StillRunning                   it cannot be deleted while it runs
    ├── NothingBefore                  no earlier version to go back to
    ├── KeyUnusable                    no key, or a damaged one
    ├── KeyExists                      a second key would be trusted by nobody
    ├── WrongPassphrase                it does not open the key
    ├── NobodyToAsk                    the key has a passphrase, and this is no terminal
    ├── NoModelToPut                   `soro usb make` was given no model
    └── CannotMake                     `soro usb make` says why; its sentences are English

This module knows the root of the tree alone.
"""

from soro_edge.errors import SoroError
from soro_edge.locale import N_


class StickError(SoroError):
    exit_code = 10


class NoStick(StickError):
    message = N_("This is no stick of Soro: {path}")
    hint = N_("Name the folder where START-WINDOWS.cmd lies.")


class StickUnreadable(StickError):
    message = N_("The stick cannot be read: {path}: {reason}")
    hint = N_("Put the stick in again and start again: what was copied is kept.")


class StickDamaged(StickError):
    message = N_("A file of the stick is damaged: {path}")
    hint = N_("Ask for another stick, or have this one made again. Nothing was changed here.")


class BadStick(StickError):
    message = N_("The list of files on the stick cannot be used: {reason}")
    hint = N_("Ask for another stick, or have this one made again. Nothing was changed here.")


class BadSignature(StickError):
    message = N_("The signature of the stick is missing or wrong: somebody may have changed it.")
    hint = N_("Do not install from it. Ask the people who gave it to you for another.")


class UntrustedStick(StickError):
    message = N_("This stick comes from other people than the Soro on this computer (key {key}).")
    hint = N_("Install only sticks from those who gave you the first one (key {trusted}).")


class OlderStick(StickError):
    message = N_("This stick is older ({version}, {release}) than what was installed here.")
    hint = N_("Use a newer stick. To return to the version before: `soro usb back`.")


class WrongComputer(StickError):
    message = N_("The stick has no program for this computer ({platform}).")
    hint = N_("It runs on 64-bit Windows 10 and Linux, if the stick was made for them.")


class NoModelFits(StickError):
    message = N_("No model on the stick fits: the smallest needs {need_mb} MB of {have_mb} MB.")
    hint = N_("This computer has too little memory. A stick with a smaller model may serve.")


class NoRoom(StickError):
    message = N_("Too little space: {need_mb} MB are needed, {free_mb} MB are free in {path}")
    hint = N_("Delete what is not needed any more, empty the waste basket, and start again.")


class PathTooLong(StickError):
    message = N_("The folder's name is too long for Windows: {path}")
    hint = N_("Choose a folder with a shorter name: `soro usb install --to FOLDER`.")


class StickReadOnly(StickError):
    message = N_("The stick cannot be written ({reason}): no conversation could be kept.")
    hint = N_("Move the small switch on the stick, or install the program on this computer.")


class StickNotWritable(StickError):
    message = N_("The stick cannot be written: {path}: {reason}")
    hint = N_("Move the small switch on the stick, or take another stick.")


class PageNotWritten(StickError):
    message = N_("The page cannot be written to {path}: {reason}")
    hint = N_("Move the small switch on the stick, or take another stick.")


class InstallationBusy(StickError):
    message = N_("Another installation is under way in {path}")
    hint = N_("Wait until it has ended, then start again.")


class SelfTestFailed(StickError):
    message = N_("The new version gave no answer in its test: {reason}")
    hint = N_("What was here before stays as it was. Close other programs and start again.")


class NotInstalled(StickError):
    message = N_("Soro is not installed in {path}")
    hint = N_("Install it from the stick first.")


class InstallationDamaged(StickError):
    message = N_("The installation is damaged: {path}")
    hint = N_("Delete that folder and install again from your stick. What pupils wrote stays.")


class StillRunning(StickError):
    message = N_("Soro is in use and cannot be deleted: {path}")
    hint = N_("Close every window of Soro. On Windows: `usb remove` with the program on the stick.")


class NothingBefore(StickError):
    message = N_("There is no earlier version to go back to.")
    hint = N_("One is kept after an update; this computer has had none.")


class KeyUnusable(StickError):
    message = N_("The maker's key cannot be used: {path}: {reason}")
    hint = N_("Make one with `soro usb keygen`, or name it: `--key FILE`.")


class KeyExists(StickError):
    message = N_("There is a maker's key already: {path}")
    hint = N_("Use it: computers that trust it accept no other. For a second maker: `--key FILE`.")


class WrongPassphrase(StickError):
    message = N_("The passphrase does not open the maker's key {path}.")
    hint = N_("Write it again, or set SORO_PASSPHRASE where no one can be asked.")


class NobodyToAsk(StickError):
    message = N_("The passphrase of the maker's key cannot be asked for: this is no terminal.")
    hint = N_("Run this in a terminal, or set SORO_PASSPHRASE.")


class NoModelToPut(StickError):
    message = N_("No model was named: from this stick a computer could not answer.")
    hint = N_("Name one: `--model FILE.gguf`. To update the program alone: `--without model`.")


class CannotMake(StickError):
    message = N_("{reason}")
    hint = N_("{advice}")
