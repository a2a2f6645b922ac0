-- A stranger's wrong passwords lock a user out elsewhere, and not where the user has logged in before.

-- An address from which a user has logged in, or from which wrong passwords came: those are counted here, and no
-- others are.
CREATE TABLE login_addresses (
    user_id bigint NOT NULL REFERENCES users,
    address text COLLATE "C" NOT NULL,  -- of IPv6 the /64 around it
    failed_logins bigint NOT NULL,      -- in a row; locked at this address from five on
    logged_in_at bigint NOT NULL,       -- last; 0: never
    PRIMARY KEY (user_id, address)
);
