-- Records of the audit are also asked for by what they are about, and by when they were written alone.
CREATE INDEX audit_records_by_subject ON audit_records (subject, number);
CREATE INDEX audit_records_by_time ON audit_records (at);
