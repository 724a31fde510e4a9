"""Messages: EML, MSG and MBOX, with their attachments."""
