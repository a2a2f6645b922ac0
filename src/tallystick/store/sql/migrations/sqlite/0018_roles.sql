-- What users may do in the console.

-- viewer, editor, approver or operator; who was there before may look, until somebody says more
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'viewer';
