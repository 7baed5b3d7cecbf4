"""One Flask application and the requests that are put to it on Flask and on Trivet."""
