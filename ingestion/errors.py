"""What can go wrong with a document.

UploadRejected            the file is refused before it is stored
├── EmptyFile, FileTooLarge, UnsupportedType, WrongExtension, DiskFull
FileChanged               a file was written to while it was taken in
NameTaken                 other content has the name; the sender chooses
AddressRefused            a web address that is not fetched
FetchFailed               a web address that did not give a file
ParseFailed               the file is stored but cannot be read
├── Encrypted, Corrupt, NoText, LimitExceeded, ParserCrashed, ParseCancelled
LeaseLost                 another worker holds the document now
WorkerStopping            the worker ends, and gives the document back
EmbedderUnavailable       no vectors can be made just now
EmbedderChanged           the vectors stored are of another embedder
SpaceChanged              another embedder went live meanwhile; embed again
SpaceBusy, IndexFailed    vectors or their index cannot be changed just now
ReembedRefused            the change of the embedding model is not possible
"""

from __future__ import annotations

from rag_site.errors import (
    Conflict,
    InvalidInput,
    RagError,
    TooLarge,
    TransientError,
    Unavailable,
)


class UploadRejected(InvalidInput):
    """This file cannot be added."""

    code = "upload_rejected"


class EmptyFile(UploadRejected):
    """The file is empty. Check that it was saved, then add it again."""

    code = "empty_file"


class UnsupportedType(UploadRejected):
    """This type of file cannot be read here."""

    code = "unsupported_type"
    http_status = 415


class WrongExtension(UploadRejected):
    """The content does not match the extension. Rename the file to what it is."""

    code = "wrong_extension"


class FileTooLarge(TooLarge):
    """The file is larger than the limit. Split it, or ask your administrator."""

    code = "document_too_large"


class DiskFull(Unavailable):
    """There is too little disk space to store this. Your administrator can free some."""

    code = "disk_full"
    http_status = 507


class FileChanged(Conflict):
    """The file was changed while it was read. Add it again once it is complete."""

    code = "file_changed"


class NameTaken(Conflict):
    """A document of this name is here already. Replace it, keep both or skip this file."""

    code = "name_taken"


class OwnerInactive(Conflict):
    """The owner of this collection is suspended. Give it to somebody active first."""

    code = "owner_inactive"


class AddressRefused(InvalidInput):
    """This address cannot be fetched. Use a public http or https address."""

    code = "address_refused"
    http_status = 422


class FetchFailed(RagError):
    """The file could not be fetched. Download it yourself and add it."""

    code = "fetch_failed"
    http_status = 422


class ParseFailed(RagError):
    """The file could not be read."""

    code = "parse_failed"
    http_status = 422


class Encrypted(ParseFailed):
    """The file is protected with a password. Remove the password and add it again."""

    code = "encrypted"


class Corrupt(ParseFailed):
    """The file is damaged. Open it in its program, save it again and add that copy."""

    code = "corrupt"


class NoText(ParseFailed):
    """No text was found. If these are scanned pages, text recognition is needed."""

    code = "no_text"


class LimitExceeded(ParseFailed):
    """Reading the file would take more than a limit allows."""

    code = "limit_exceeded"


class ParserCrashed(ParseFailed):
    """Reading the file failed in a way that only this file causes. Save it in another format."""

    code = "parser_crashed"


class ParseCancelled(ParseFailed):
    """Reading was cancelled. Add the file again to have it read."""

    code = "cancelled"


class LeaseLost(RagError):
    """Another worker has taken over this document."""

    code = "lease_lost"


class WorkerStopping(RagError):
    """The worker is stopping. Another one reads on."""

    code = "worker_stopping"


class EmbedderUnavailable(TransientError):
    """Search is not available right now. Try again in a moment."""

    code = "embedder_unavailable"


class EmbedderChanged(RagError):
    """The documents were indexed with another embedding model. Set PLUMBLINE_EMBEDDER back to it."""

    code = "embedder_changed"
    http_status = 409


class SpaceChanged(TransientError):
    """Another embedding model went live meanwhile. The document will be read again."""

    code = "space_changed"


class SpaceBusy(Conflict):
    """Documents are being written just now. Try again in a moment."""

    code = "space_busy"
    retryable = True


class IndexFailed(RagError):
    """The index of the vectors could not be built."""

    code = "index_failed"


class ReembedRefused(Conflict):
    """The embedding model cannot be changed like this."""

    code = "reembed_refused"
