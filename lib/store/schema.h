// SPDX-License-Identifier: MIT
// The text of each migration. Once released it is frozen: a change of the schema is a new one.
#pragma once

extern const char pt_schema_sql_1[];
extern const char pt_schema_sql_2[];
extern const char pt_schema_sql_3[];
extern const char pt_schema_sql_4[];
extern const char pt_schema_sql_5[];
extern const char pt_schema_sql_6[];
extern const char pt_schema_sql_7[];
extern const char pt_schema_sql_8[];
