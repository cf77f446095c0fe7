"""Types of incentives: earnings, statements and compensation plans will be here, when the service has them."""
