"""What can go wrong in a conversion: one sentence, one hint. English only, for the model maker.

ConversionError
├── BadCheckpoint        the folder, its config or its tokenizer cannot be used
│   └── BadTensor            one tensor of it, named
├── UnsupportedCheckpoint    a whole checkpoint of a kind that is not converted here
├── TooFewRows           more pieces must stay than the vocabulary may have
├── BadTarget            the output cannot be written there
├── CalibrationFailed    what the matrices see of the texts cannot be computed with
└── VerificationFailed   the finished file is not the model it was made from
"""


class ConversionError(Exception):
    """`str(error)` says what happened, `error.hint` what to do.

    `message` and `hint` may have fields in braces, which `fields` fill. So whoever shows the error can look
    both sentences up in a catalogue: this package speaks English alone.
    """

    def __init__(self, message: str, hint: str, **fields: object) -> None:
        super().__init__(message.format(**fields) if fields else message)
        self.hint = hint.format(**fields) if fields else hint
        self.unfilled = (message, hint)
        """Both sentences with their fields in braces."""
        self.fields = fields


class BadCheckpoint(ConversionError):
    pass


class BadTensor(BadCheckpoint):
    pass


class UnsupportedCheckpoint(ConversionError):
    pass


class TooFewRows(ConversionError):
    """The vocabulary asked for is smaller than what a chat in Tajik needs."""


class BadTarget(ConversionError):
    pass


class CalibrationFailed(ConversionError):
    pass


class VerificationFailed(ConversionError):
    pass
