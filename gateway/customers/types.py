"""Types of customers: customer mix, tasks and customers will be here, when the service has them."""
