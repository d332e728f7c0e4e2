-- migrate:up
-- What a reviewer said of a companion that was not published. Its maker reads it, and nobody else;
-- the audit log keeps the same words beside who said them.

ALTER TABLE companions ADD COLUMN review_why text NOT NULL DEFAULT '';
