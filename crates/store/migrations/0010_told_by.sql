-- What a mail tells is asked for when it was refused, to find who else was told the same.

CREATE INDEX notifications_by_delivery ON notifications (delivery_id) WHERE delivery_id IS NOT NULL;
