-- A stranger's wrong passwords lock a user out elsewhere, and not where the user has logged in before.

-- An address from which a user has logged in: wrong passwords from there are counted here, and no others are.
CREATE TABLE login_addresses (
    user_id bigint NOT NULL REFERENCES users,
    address text COLLATE "C" NOT NULL,  -- of IPv6 the /64 around it
    failed_logins bigint NOT NULL,      -- in a row; locked at this address from five on
    logged_in_at bigint NOT NULL,       -- last
    PRIMARY KEY (user_id, address)
);
