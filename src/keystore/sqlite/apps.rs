//! Applications and operators in their tables.

use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter, types::Value};

use super::{
    checksum::{Total, checked, sealed},
    fault::corrupt,
    meta::Meta,
    rows::never_is_null,
};
use crate::keystore::{App, Operator, Role, StoreError};

const OPERATOR: &str = "operator_id, name, role, digest, created_at_ms, expires_at_ms, revoked, checksum";

/// The applications, in the order of their ids.
pub(super) fn list(conn: &Connection) -> Result<Vec<App>, StoreError> {
    let mut asked = conn.prepare_cached("SELECT app_id, name, created_at_ms, checksum FROM apps ORDER BY app_id")?;
    let (mut rows, mut apps) = (asked.query([])?, Vec::new());
    while let Some(row) = rows.next()? {
        checked("apps", row, 3)?;
        apps.push(App { id: row.get(0)?, name: row.get(1)?, created_at_ms: row.get(2)? });
    }
    Ok(apps)
}

/// Whether there is an application with this id.
pub(super) fn is_there(conn: &Connection, id: &str) -> Result<bool, StoreError> {
    let mut asked = conn.prepare_cached("SELECT 1 FROM apps WHERE app_id = ?1")?;
    Ok(asked.exists([id])?)
}

/// Writes an application that there is not yet.
pub(super) fn insert(conn: &Connection, app: &App) -> Result<(), StoreError> {
    if is_there(conn, &app.id)? {
        return Err(StoreError::Exists(format!("app:{}", app.id).into()));
    }
    let values = [Value::Text(app.id.to_string()), Value::Text(app.name.to_string()), Value::Integer(app.created_at_ms)];
    conn.prepare_cached("INSERT INTO apps (app_id, name, created_at_ms, checksum) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params_from_iter(sealed("apps", values).0))?;
    Ok(())
}

/// The operators, in the order of their ids: all of them, or none are told. One that is missing is let in nowhere, but one that is an
/// older row of itself may have been revoked since.
pub(super) fn operators(conn: &Connection) -> Result<Vec<Operator>, StoreError> {
    let meta = Meta::load(conn)?;
    let mut asked = conn.prepare_cached(&format!("SELECT {OPERATOR} FROM operators ORDER BY operator_id"))?;
    let (mut rows, mut operators, mut read) = (asked.query([])?, Vec::new(), Total::default());
    while let Some(row) = rows.next()? {
        read.add(checked("operators", row, 7)?);
        operators.push(operator(row)?);
    }
    meta.operators.expect(read, "operators")?;
    Ok(operators)
}

/// The operator with this id.
pub(super) fn find_operator(conn: &Connection, id: &str) -> Result<Option<Operator>, StoreError> {
    let mut asked = conn.prepare_cached(&format!("SELECT {OPERATOR} FROM operators WHERE operator_id = ?1"))?;
    let mut rows = asked.query([id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    checked("operators", row, 7)?;
    operator(row).map(Some)
}

/// Writes `operator`, over what it was if it was there.
pub(super) fn write_operator(conn: &Connection, total: &mut Total, operator: &Operator) -> Result<(), StoreError> {
    let was = conn
        .prepare_cached(&format!("SELECT {OPERATOR} FROM operators WHERE operator_id = ?1"))?
        .query_row([&operator.id], |row| Ok(checked("operators", row, 7)))
        .optional()?
        .transpose()?;
    if let Some(was) = was {
        total.remove(was);
        conn.prepare_cached("DELETE FROM operators WHERE operator_id = ?1")?.execute([&operator.id])?;
    }
    let Operator { id, name, role, digest, created_at_ms, expires_at_ms, revoked } = operator;
    let values = [
        Value::Text(id.to_string()),
        Value::Text(name.to_string()),
        Value::Text(role.name().to_owned()),
        Value::Blob(digest.into()),
        Value::Integer(*created_at_ms),
        never_is_null(*expires_at_ms),
        Value::Integer((*revoked).into()),
    ];
    let (row, checksum) = sealed("operators", values);
    conn.prepare_cached(&format!("INSERT INTO operators ({OPERATOR}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"))?
        .execute(params_from_iter(row))?;
    total.add(checksum);
    Ok(())
}

fn operator(row: &Row<'_>) -> Result<Operator, StoreError> {
    let role: String = row.get(2)?;
    Ok(Operator {
        id: row.get(0)?,
        name: row.get(1)?,
        role: Role::named(&role).ok_or_else(|| corrupt("an operator with a role that there is not"))?,
        digest: row.get(3)?,
        created_at_ms: row.get(4)?,
        expires_at_ms: row.get::<_, Option<i64>>(5)?.unwrap_or(i64::MAX),
        revoked: row.get(6)?,
    })
}
