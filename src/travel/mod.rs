//! The desk for travel times: road networks from files, travel tables from whatever source is set.
//!
//! Files and servers are this folder's, the graph and its searches are `routing::roads`'.

pub mod osm;
pub mod road_file;
