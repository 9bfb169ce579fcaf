-- What dumps, drivers and people send in good faith: answered as by the bare server, or refused with the construct's name.
/*!40101 SET NAMES utf8mb4 */
/*!50503 SET NAMES utf8mb4 */
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */
/*!40103 SET TIME_ZONE='+00:00' */
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */
/*M!100616 SET @OLD_NOTE_VERBOSITY=@@NOTE_VERBOSITY, NOTE_VERBOSITY=0 */
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */
/*!999999\- enable the sandbox mode */
/*M!999999\- enable the sandbox mode */
/*!40101 SET @saved_cs_client     = @@character_set_client */
/*!40101 SET character_set_client = utf8mb4 */
/*!50503 SET character_set_client = utf8mb4 */
DROP TABLE IF EXISTS `gate_dump`
CREATE TABLE `gate_dump` (`id` int(11) NOT NULL AUTO_INCREMENT, `v` varchar(60) DEFAULT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
/*!40101 SET character_set_client = @saved_cs_client */
LOCK TABLES `gate_dump` WRITE
/*!40000 ALTER TABLE `gate_dump` DISABLE KEYS */
INSERT INTO `gate_dump` VALUES (1,'/*! a */'),(2,'it\'s -- #'),(3,'*/')
/*!40000 ALTER TABLE `gate_dump` ENABLE KEYS */
UNLOCK TABLES
SELECT id, v FROM gate_dump ORDER BY id
SELECT /*!40001 SQL_NO_CACHE */ id, v FROM gate_dump ORDER BY id
SELECT /*!40001 SQL_NO_CACHE */ * FROM `gate_dump`
SELECT id /*!50000 , v */ FROM gate_dump ORDER BY id
SELECT id /*!99999 , x */ FROM gate_dump ORDER BY id
SELECT /* a comment */ id FROM gate_dump -- and another
SELECT /*! STRAIGHT_JOIN */ id FROM gate_dump WHERE id = 2 /*!50000 AND v <> '*/' */
SELECT '/*! a */' AS v, "/*!50000 b */" AS w, '*/' AS x FROM gate_dump WHERE id = 1
SELECT 1 /*!50000 +1*/ AS a
SELECT 1 /*!50000+1*/ AS a
SELECT 1 /*M! +1 */ AS a
SELECT 1 /*!100100 +1 */ AS a
SELECT 1 /*!90704 +1 */ AS a
SELECT 1 /*!80000 +1 */ AS a
SELECT 1 /*!99999 +1 */ AS a
SELECT 1 /*!99999 +1 /* nested */ +2 */ AS a
SELECT 1 /*! +1 /* nested */ +2 */ AS a
SELECT 1 /*! +1 /*! +3 */ AS a
SELECT 1 /*! --*/ 1
SELECT 1 /*! , '*/' */ AS a
SELECT 1 /*! -- */
SELECT 1 /*!
SELECT 1 /*!50000
SELECT 1 /*!*/ AS a
SELECT 1 /*!50000*/ AS a
CREATE TABLE `gate_dump_2` (`id` int NOT NULL, `at` timestamp NULL DEFAULT NULL, PRIMARY KEY (`id`)) /*!40101 DEFAULT CHARSET=utf8mb4 */
CREATE TABLE `gate_dump_3` (`id` int NOT NULL /*!80023 INVISIBLE */, `v` int, PRIMARY KEY (`id`))
CREATE TABLE `gate_dump_4` (`id` int NOT NULL, PRIMARY KEY (`id`)) /*!50100 TABLESPACE `innodb_file_per_table` */ ENGINE=InnoDB
CREATE TABLE `gate_dump_5` (`id` int NOT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB /*!50100 PARTITION BY HASH (`id`) PARTITIONS 3 */
CREATE TABLE /*!32312 IF NOT EXISTS*/ `gate_dump_6` (`id` int NOT NULL, PRIMARY KEY (`id`))
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `gate_dumped` /*!40100 DEFAULT CHARACTER SET utf8mb4 */
/*!50001 CREATE VIEW `gate_dump_view` AS SELECT 1 AS `id` */
/*!50001 DROP VIEW IF EXISTS `gate_dump_view`*/
/*!50001 CREATE ALGORITHM=UNDEFINED */ /*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */ /*!50001 VIEW `gate_dump_view` AS select `gate_dump`.`id` AS `id` from `gate_dump` */
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `gate_dump_trigger` BEFORE INSERT ON `gate_dump` FOR EACH ROW SET NEW.v = 'x' */
/*!50106 SET @save_time_zone= @@TIME_ZONE */
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */
/*!80000 SET SESSION information_schema_stats_expiry=0 */
SET SQL_QUOTE_SHOW_CREATE=1/*!40102 ,SQL_MODE=concat(@@sql_mode, _utf8 ',NO_KEY_OPTIONS,NO_TABLE_OPTIONS,NO_FIELD_OPTIONS') */
DROP TABLE IF EXISTS gate_dump, gate_dump_2 /*! RESTRICT */
