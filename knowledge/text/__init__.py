"""What text is, whoever asks: words, languages, tokens, cleaning."""
