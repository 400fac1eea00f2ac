"""The tutor on the screen (Textual). Folders are what the screen shows: screens/ and widgets/."""
