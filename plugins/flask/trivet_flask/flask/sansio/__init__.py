"""``flask.sansio``: where Flask keeps what does no input and output."""
