"""The six runners of Connexions' roadrunners, for rbit; rbit.ini beside this package uses them."""
