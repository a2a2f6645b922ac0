-- Views of the console's list that users come back to.

-- name: saved_views_of_user
-- Which views has this user saved, by name?
SELECT v.name, v.asked FROM saved_views AS v WHERE v.user_id = :user_id ORDER BY v.name;

-- name: whole_saved_views
-- Which views were saved, by the names of their users?
SELECT u.name AS user_name, v.name, v.asked
FROM saved_views AS v
INNER JOIN users AS u ON u.user_id = v.user_id;

-- name: save_view
-- The user calls this view by this name, and no other.
INSERT INTO saved_views (user_id, name, asked)
VALUES (:user_id, :name, :asked)
ON CONFLICT (user_id, name) DO UPDATE SET asked = excluded.asked;

-- name: forget_view
-- The user has no view of this name any more.
DELETE FROM saved_views WHERE user_id = :user_id AND name = :name;
